import assert from 'node:assert/strict';
import { join } from 'node:path';
import { systemClock } from '../../functions/adapters/clock.ts';
import { openDatabase } from '../../functions/adapters/sqlite-database.ts';
import { sqliteDocuments } from '../../functions/adapters/sqlite-documents.ts';
import { newestFirst } from '../../functions/core/list-tasks.ts';
import type { Documents } from '../../functions/core/ports.ts';
import { SHARDS, TASKS } from '../../functions/core/store.ts';
import { topology } from '../../functions/topology.ts';
import { temporaryFolder } from '../support/folder.ts';

const MIB = 1024 * 1024;

describe('a long list', function () {
  this.timeout(20_000);

  it('of large tasks is never in memory as a whole, and leaves none out', async () => {
    const folder = temporaryFolder();
    const database = openDatabase({ path: join(folder.path, 'data.db') });
    const documents = sqliteDocuments(database, topology, 'tasks', systemClock());
    try {
      const text = 'x'.repeat(MIB / 8);
      for (let n = 0; n < 20 * SHARDS; n++) {
        const data = { tenant: 'acme', shard: n % SHARDS, createdAt: n, payload: { text } };
        await documents.commit([{ kind: 'create', collection: TASKS, id: `task-${n}`, data }]);
      }
      let held = 0;
      let most = 0;
      const query: Documents['query'] = async (collection, asked) => {
        const found = await documents.query(collection, asked);
        held += found.documents.length;
        most = Math.max(most, held);
        return found;
      };
      const seen: number[] = [];
      for await (const { data } of newestFirst({ documents: { ...documents, query } }, { tenant: 'acme' }, undefined, 1_600)) {
        held -= 1;
        seen.push(data.createdAt as number);
      }
      assert.deepEqual(
        seen,
        Array.from({ length: 20 * SHARDS }, (_, n) => 20 * SHARDS - 1 - n),
      );
      // 40 MiB in all.
      assert.ok((most * MIB) / 8 <= 32 * MIB, `${most} at once`);
    } finally {
      await documents.close();
      await database.close();
      folder.remove();
    }
  });
});
