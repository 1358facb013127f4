import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { systemClock } from '../../functions/adapters/clock.ts';
import { openDatabase } from '../../functions/adapters/sqlite-database.ts';
import { sqliteDocuments } from '../../functions/adapters/sqlite-documents.ts';
import { sqliteQueue } from '../../functions/adapters/sqlite-queue.ts';
import { temporaryFolder, until } from '../support/folder.ts';
import { contractTopology } from './documents.ts';

const WRITER = join(import.meta.dirname, 'sqlite-writer.ts');
const queueTopology = {
  topics: { news: {} },
  subscriptions: {
    plain: {
      topic: 'news',
      function: 'none',
      path: '/',
      ackDeadlineSeconds: 20,
      retentionSeconds: 600,
      backoffSeconds: { minimum: 1, maximum: 2 },
    },
  },
};

describe('SQLite: killed at any moment', () => {
  let folder: ReturnType<typeof temporaryFolder>;
  beforeEach(() => {
    folder = temporaryFolder();
  });
  afterEach(() => folder.remove());

  it('loses nothing that it has acknowledged, and acknowledges nothing half', async () => {
    const path = join(folder.path, 'data.db');
    const acknowledged = new Map<string, string>();
    for (let round = 0; round < 4; round += 1) {
      const child = spawn(process.execPath, [WRITER, path, JSON.stringify(queueTopology)], {
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      const ended = once(child, 'exit');
      const enough = acknowledged.size + 300 + round * 17;
      for await (const line of createInterface(child.stdout)) {
        const [id, version] = line.split(' ');
        // The last line may have been cut off by the kill.
        if (id && version?.endsWith(';')) acknowledged.set(id, version.slice(0, -1));
        if (acknowledged.size >= enough) child.kill('SIGKILL');
      }
      const [, signal] = await ended;
      assert.equal(signal, 'SIGKILL');
    }

    const database = openDatabase({ path });
    const documents = sqliteDocuments(database, contractTopology, 'tasks', systemClock());
    const queue = sqliteQueue(database, queueTopology, systemClock());
    const messages = new Map<string, number>();
    const stop = queue.pull('plain', 100, (delivery) => {
      const id = String(delivery.data);
      messages.set(id, (messages.get(id) ?? 0) + 1);
      delivery.ack();
    });
    await until(() => [...acknowledged.keys()].every((id) => messages.has(id)), 5000);
    for (const [id, version] of acknowledged) {
      const found = await documents.get('things', id);
      assert.equal(found?.version, version);
      assert.deepEqual(found?.data, { shard: 'a', createdAt: 1, steps: [1, 2] });
      assert.equal((await documents.get('others', id))?.data.same, true);
      assert.equal(messages.get(id), 1);
    }
    await stop();
    await queue.close();
    await documents.close();
    await database.close();
  }).timeout(20_000);

  it('keeps a second process away, and says from what', async () => {
    const path = join(folder.path, 'data.db');
    const database = openDatabase({ path });
    const module = JSON.stringify(join(import.meta.dirname, '../../functions/adapters/sqlite-database.ts'));
    const code = `import(${module}).then(({ openDatabase }) => openDatabase({ path: ${JSON.stringify(path)} })).catch(({ code, message }) => console.log(code, message))`;
    const second = spawnSync(process.execPath, ['-e', code], { encoding: 'utf8' });
    assert.equal(second.stdout.trim(), `data_in_use Another process is using the data in ${folder.path}.`);
    await database.close();
    await openDatabase({ path }).close();
  });
});
