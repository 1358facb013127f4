import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import type { Documents, Fields, Query } from '../../functions/core/ports.ts';

/** The part of the documents contract that asks for many. */
export function queryContract(documentsOf: () => Documents): void {
  describe('query', () => {
    const shard = `shard-${randomUUID()}`;
    const rows: [id: string, data: Fields][] = [
      ['a', { shard, wakeAt: 10, createdAt: 1, done: true }],
      ['b', { shard, wakeAt: 20, createdAt: 2, done: false }],
      ['c', { shard, wakeAt: 20, createdAt: 2, done: true }],
      ['d', { shard, createdAt: 2, done: true }],
      ['e', { shard, wakeAt: 5.5, createdAt: 3, done: true }],
      ['f', { shard: 'elsewhere', wakeAt: 10, createdAt: 1, done: true }],
      ['g', { wakeAt: 10, createdAt: 1 }],
    ];
    const unique = randomUUID();
    const nameOf = (id: string) => `${id}-${unique}`;

    before(async () => {
      const writes = rows.map(([id, data]) => ({ kind: 'create', collection: 'things', id: nameOf(id), data }) as const);
      await documentsOf().commit(writes);
    });

    const ask = async (query: Omit<Query, 'equal' | 'limit'> & Partial<Query>): Promise<string> => {
      const { documents, at } = await documentsOf().query('things', { equal: { shard }, limit: 100, ...query });
      assert.ok(Math.abs(at - Date.now()) < 60_000);
      return documents.map(({ id }) => id.slice(0, 1)).join('');
    };
    const wake = { field: 'wakeAt', direction: 'asc' } as const;
    const newest = { field: 'createdAt', direction: 'desc' } as const;

    const asked: [title: string, query: Parameters<typeof ask>[0], expected: string][] = [
      ['in order, then by id, without those that lack the field', { orderBy: wake }, 'eabc'],
      ['downwards, ids too', { orderBy: newest }, 'edcba'],
      ['with the bound', { orderBy: wake, atMost: 10 }, 'ea'],
      ['below every value', { orderBy: wake, atMost: 5 }, ''],
      ['with a limit', { orderBy: wake, limit: 2 }, 'ea'],
      ['behind a place', { orderBy: wake, after: { value: 20, id: nameOf('b') } }, 'c'],
      ['behind a place, downwards', { orderBy: newest, after: { value: 2, id: nameOf('c') } }, 'ba'],
      ['behind a place that is no more', { orderBy: wake, after: { value: 7, id: 'gone' } }, 'abc'],
      ['behind a place, below the bound', { orderBy: wake, atMost: 10, after: { value: 5.5, id: nameOf('e') } }, 'a'],
      ['equal in two fields', { equal: { shard, done: true }, orderBy: newest }, 'edca'],
      ['equal to false', { equal: { shard, done: false }, orderBy: newest }, 'b'],
      ['nothing where nothing is equal', { equal: { shard: 'nowhere' }, orderBy: wake }, ''],
      ['a text as a text', { equal: { shard: '10' }, orderBy: wake }, ''],
    ];
    for (const [title, query, expected] of asked) {
      it(title, async () => assert.equal(await ask(query), expected));
    }

    it('gives nothing but the wanted fields, as they are, with versions', async () => {
      const id = nameOf('large');
      const state = { z: [1, ['two', null]], a: { text: 'ö\u2028\ud800"', none: null }, '': 1.5e300, false: false };
      const data = { shard: unique, wakeAt: 1, state, done: false, result: 'x'.repeat(10_000) };
      const [written] = await documentsOf().commit([{ kind: 'create', collection: 'things', id, data }]);
      const query = { equal: { shard: unique }, orderBy: wake, fields: ['state', 'done', 'nothing'], limit: 1 };
      const { documents } = await documentsOf().query('things', query);
      assert.deepEqual(documents, [{ id, version: written?.version, data: { state, done: false } }]);
      assert.equal(JSON.stringify(documents[0]?.data.state), JSON.stringify(state), 'and in their order');
    });

    it('gives whole documents with versions that can be written under', async () => {
      const { documents } = await documentsOf().query('things', { equal: { shard }, orderBy: wake, limit: 1 });
      const [found] = documents;
      assert.deepEqual(found?.data, rows[4]?.[1]);
      const update = {
        kind: 'update',
        collection: 'things',
        id: nameOf('e'),
        version: String(found?.version),
        remove: ['wakeAt'],
      } as const;
      await documentsOf().commit([update]);
      assert.equal(await ask({ orderBy: wake }), 'abc');
    });
  });
}
