import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import type { Documents, Stored } from '../../functions/core/ports.ts';
import { until } from '../support/folder.ts';

/** The part of the documents contract that waits for changes. */
export function watchContract(documentsOf: () => Documents): void {
  describe('watch', () => {
    it('tells what is there now, each later state in order, and nothing after the stop', async () => {
      const documents = documentsOf();
      const id = randomUUID();
      const seen: (Stored | undefined)[] = [];
      const stop = documents.watch('things', id, (found) => seen.push(found), assert.fail);
      await until(() => seen.length === 1);
      const [created] = await documents.commit([{ kind: 'create', collection: 'things', id, data: { list: [], n: 1 } }]);
      await until(() => seen.length === 2);
      const version = String(created?.version);
      await documents.commit([{ kind: 'update', collection: 'things', id, version, set: { n: 2 }, append: { list: [[1]] } }]);
      await until(() => seen.length === 3);
      await documents.commit([{ kind: 'delete', collection: 'things', id }]);
      await until(() => seen.length === 4);
      assert.deepEqual(
        seen.map((found) => found?.data),
        [undefined, { list: [], n: 1 }, { list: [[1]], n: 2 }, undefined],
      );
      assert.equal(seen[1]?.version, version);
      stop();
      await documents.commit([{ kind: 'create', collection: 'things', id, data: {} }]);
      await new Promise((resolve) => setTimeout(resolve, 100));
      assert.equal(seen.length, 4);
    });

    it('misses no last state, however many watches begin while their documents are being written', async () => {
      const documents = documentsOf();
      const missed: string[] = [];
      for (let round = 0; round < 4; round++) {
        await Promise.all(
          Array.from({ length: 32 }, async () => {
            const id = randomUUID();
            let last: unknown;
            let [written] = await documents.commit([{ kind: 'create', collection: 'things', id, data: { n: 0 } }]);
            const stop = documents.watch('things', id, (found) => (last = found?.data.n), assert.fail);
            for (const n of [1, 2]) {
              const version = String(written?.version);
              [written] = await documents.commit([{ kind: 'update', collection: 'things', id, version, set: { n } }]);
            }
            await until(() => last === 2, 8_000).catch(() => missed.push(`${id}: ${last}`));
            stop();
          }),
        );
      }
      assert.deepEqual(missed, []);
    });

    it('tells everyone who watches', async () => {
      const documents = documentsOf();
      const id = randomUUID();
      let told = 0;
      const stops = [1, 2, 3].map(() => documents.watch('things', id, (found) => (told += found ? 1 : 0), assert.fail));
      try {
        await documents.commit([{ kind: 'create', collection: 'things', id, data: {} }]);
        await until(() => told >= 3);
      } finally {
        for (const stop of stops) stop();
      }
    });
  });
}
