/** A process that writes without end and prints what it was promised; the crash tests kill it. */

import { randomUUID } from 'node:crypto';
import { writeSync } from 'node:fs';
import { systemClock } from '../../functions/adapters/clock.ts';
import { openDatabase } from '../../functions/adapters/sqlite-database.ts';
import { sqliteDocuments } from '../../functions/adapters/sqlite-documents.ts';
import { sqliteQueue } from '../../functions/adapters/sqlite-queue.ts';
import { contractTopology } from './documents.ts';

const [path, topology] = process.argv.slice(2) as [string, string];
const database = openDatabase({ path });
const documents = sqliteDocuments(database, contractTopology, 'tasks', systemClock());
const queue = sqliteQueue(database, JSON.parse(topology), systemClock());

async function write(): Promise<never> {
  for (;;) {
    const id = randomUUID();
    const [created] = await documents.commit([
      { kind: 'create', collection: 'things', id, data: { shard: 'a', createdAt: 1, steps: [1] } },
      { kind: 'create', collection: 'others', id, data: { same: true } },
    ]);
    const update = { kind: 'update', collection: 'things', id, version: String(created?.version), append: { steps: [2] } } as const;
    const [[updated]] = await Promise.all([documents.commit([update]), queue.publish('news', { data: id, attributes: {} })]);
    writeSync(1, `${id} ${updated?.version};\n`);
  }
}

await Promise.all(Array.from({ length: 8 }, write));
