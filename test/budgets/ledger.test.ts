import assert from 'node:assert/strict';
import { join } from 'node:path';
import { systemClock } from '../../functions/adapters/clock.ts';
import { systemIds } from '../../functions/adapters/ids.ts';
import { openDatabase } from '../../functions/adapters/sqlite-database.ts';
import { sqliteDocuments } from '../../functions/adapters/sqlite-documents.ts';
import { post } from '../../functions/core/budgets/ledger.ts';
import type { Write } from '../../functions/core/ports.ts';
import { topology } from '../../functions/topology.ts';
import { temporaryFolder } from '../support/folder.ts';

describe('the ledger', () => {
  it('refuses a posting that no store can write, and leaves those that share its commit alone', async () => {
    const folder = temporaryFolder();
    const database = openDatabase({ path: join(folder.path, 'data.db') });
    const documents = sqliteDocuments(database, topology, 'tasks', systemClock());
    try {
      const add = async (id: string, collection = 'tasks'): Promise<string> => {
        const written = post({ documents, clock: systemClock(), ids: systemIds() }, 'default', async (accounts) => {
          const sum = ((await accounts.get('budgets', 'sum'))?.sum ?? 0) as number;
          accounts.set('budgets', 'sum', { sum: sum + 1 });
          return [{ kind: 'create', collection, id, data: { id } }] satisfies Write[];
        });
        return written.then(
          () => id,
          (error: Error) => error.name,
        );
      };
      // While the first is under way, the others gather for the next commit.
      const outcomes = await Promise.all([add('a'), add('b'), add('c', 'nowhere'), add('d'), add('e')]);
      assert.deepEqual(outcomes, ['a', 'b', 'TypeError', 'd', 'e']);
      assert.deepEqual((await documents.get('budgets', 'sum'))?.data, { sum: 4 });
    } finally {
      await documents.close();
      await database.close();
      folder.remove();
    }
  });
});
