import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import fc from 'fast-check';
import {
  type Documents,
  type Fields,
  PreconditionFailed,
  SERVER_TIME,
  type Write,
  type Written,
} from '../../functions/core/ports.ts';
import type { Topology } from '../../functions/topology.ts';
import { documentValues } from './document-values.ts';
import { queryContract } from './queries.ts';
import { watchContract } from './watches.ts';

/** What a store under test has to hold. */
export const contractTopology: Pick<Topology, 'collections'> = {
  collections: {
    things: {
      database: 'tasks',
      ttlField: 'expireAt',
      unindexed: ['payload'],
      indexes: [
        [
          { field: 'shard', order: 'asc' },
          { field: 'wakeAt', order: 'asc' },
        ],
        [
          { field: 'shard', order: 'asc' },
          { field: 'createdAt', order: 'desc' },
        ],
        [
          { field: 'shard', order: 'asc' },
          { field: 'done', order: 'asc' },
          { field: 'createdAt', order: 'desc' },
        ],
      ],
    },
    others: { database: 'tasks', unindexed: [], indexes: [] },
  },
};

/** Every document store passes this. `open` is called once; the store may hold other documents. */
export function documentsContract(open: () => Promise<{ documents: Documents; close(): Promise<void> }>): void {
  let documents: Documents;
  let close: () => Promise<void>;

  before(async () => {
    ({ documents, close } = await open());
  });
  after(() => close());

  const one = async (write: Write): Promise<Written> => (await documents.commit([write]))[0] as Written;
  const create = (data: Fields, id: string = randomUUID()) => one({ kind: 'create', collection: 'things', id, data });
  const read = async (id: string): Promise<Fields | undefined> => (await documents.get('things', id))?.data;
  const refused = (write: Promise<unknown>) => assert.rejects(write, PreconditionFailed);

  it('gives back what was created, under the version of the write', async () => {
    const id = randomUUID();
    const written = await create({ name: 'a', list: [1, { x: 2 }], map: { y: [3] } }, id);
    const found = await documents.get('things', id);
    assert.deepEqual(found?.data, { name: 'a', list: [1, { x: 2 }], map: { y: [3] } });
    assert.equal(found?.id, id);
    assert.equal(found?.version, written.version);
    assert.ok(Math.abs(Number(found?.at) - written.at) < 60_000);
    assert.equal(await documents.get('things', randomUUID()), undefined);
  });

  it('creates only what is absent', async () => {
    const id = randomUUID();
    await create({ n: 1 }, id);
    await refused(create({ n: 2 }, id));
    assert.deepEqual(await read(id), { n: 1 });
  });

  it('updates named fields under the version found', async () => {
    const id = randomUUID();
    const { version } = await create({ a: 1, b: { c: 1, d: 2 }, gone: true, list: ['x'] }, id);
    const base = { kind: 'update', collection: 'things', id } as const;
    const second = await one({
      ...base,
      version,
      set: { a: 2, b: { c: 3 } },
      remove: ['gone', 'never'],
      append: { list: ['y', 'y'], fresh: [1] },
    });
    assert.notEqual(second.version, version);
    assert.deepEqual(await read(id), { a: 2, b: { c: 3 }, list: ['x', 'y', 'y'], fresh: [1] });
    await refused(one({ ...base, version, set: { a: 9 } }));
    await refused(one({ ...base, id: randomUUID(), version: second.version, set: { a: 9 } }));
    await one({ ...base, version: second.version, append: { list: ['x', ['nested', []]] } });
    assert.deepEqual((await read(id))?.list, ['x', 'y', 'y', 'x', ['nested', []]]);
  });

  it('refuses a version that never was', async () => {
    const id = randomUUID();
    const { version } = await create({}, id);
    const [whole = '', ...fraction] = version.split('.');
    for (const other of ['', 'x', '1', '1.0', [`${Number(whole) + 100}`, ...fraction].join('.')]) {
      await refused(one({ kind: 'update', collection: 'things', id, version: other, set: { n: 1 } }));
    }
    assert.deepEqual(await read(id), {});
  });

  it('replaces and deletes under the version found', async () => {
    const id = randomUUID();
    const first = await create({ a: 1, b: 2 }, id);
    const second = await one({ kind: 'replace', collection: 'things', id, version: first.version, data: { c: 3 } });
    assert.deepEqual(await read(id), { c: 3 });
    assert.equal((await documents.get('things', id))?.version, second.version);
    await refused(one({ kind: 'replace', collection: 'things', id, version: first.version, data: {} }));
    await refused(one({ kind: 'delete', collection: 'things', id, version: first.version }));
    await one({ kind: 'delete', collection: 'things', id, version: second.version });
    assert.equal(await read(id), undefined);
    await refused(one({ kind: 'replace', collection: 'things', id, version: second.version, data: {} }));
    await one({ kind: 'delete', collection: 'things', id });
  });

  it('never uses a version again for the same id', async () => {
    const id = randomUUID();
    const versions = new Set<string>();
    for (let round = 0; round < 5; round += 1) {
      versions.add((await create({ same: true }, id)).version);
      await one({ kind: 'delete', collection: 'things', id });
    }
    assert.equal(versions.size, 5);
  });

  it('writes all of a commit or nothing', async () => {
    const [a, b, c] = [randomUUID(), randomUUID(), randomUUID()];
    const { version } = await create({ n: 1 }, a);
    const writes: Write[] = [
      { kind: 'create', collection: 'things', id: b, data: {} },
      { kind: 'update', collection: 'things', id: a, version, set: { n: 2 } },
      { kind: 'create', collection: 'others', id: c, data: {} },
    ];
    const other = randomUUID();
    const stale = await create({}, other);
    await one({ kind: 'update', collection: 'things', id: other, version: stale.version, set: { n: 1 } });
    const late = { kind: 'update', collection: 'things', id: other, version: stale.version, set: { n: 3 } } as const;
    await refused(documents.commit([...writes, late]));
    await refused(documents.commit([late, ...writes]));
    assert.deepEqual([await read(a), await read(b), await documents.get('others', c)], [{ n: 1 }, undefined, undefined]);
    const written = await documents.commit(writes);
    assert.equal(written.length, 3);
    assert.equal((await documents.get('others', c))?.version, written[2]?.version);
    assert.deepEqual(await read(a), { n: 2 });
  });

  it('gives the version of each write of a commit', async () => {
    const [a, b] = [randomUUID(), randomUUID()];
    const { version } = await create({}, a);
    const written = await documents.commit([
      { kind: 'replace', collection: 'things', id: a, version, data: { n: 1 } },
      { kind: 'create', collection: 'things', id: b, data: { n: 2 } },
    ]);
    const found = await Promise.all([a, b].map((id) => documents.get('things', id)));
    assert.deepEqual(
      found.map((each) => each?.version),
      written.map((each) => each.version),
    );
  });

  it('lets one of many writers of the same version win', async () => {
    const id = randomUUID();
    const { version } = await create({ winner: null }, id);
    const claims = Array.from({ length: 20 }, (_, winner) =>
      one({ kind: 'update', collection: 'things', id, version, set: { winner } }),
    );
    const outcomes = await Promise.allSettled(claims);
    const winners = outcomes.flatMap(({ status }, index) => (status === 'fulfilled' ? [index] : []));
    assert.equal(winners.length, 1);
    assert.deepEqual(await read(id), { winner: winners[0] });
    for (const outcome of outcomes) if (outcome.status === 'rejected') assert.ok(outcome.reason instanceof PreconditionFailed);
  });

  it('lets one of many creators win', async () => {
    const id = randomUUID();
    const outcomes = await Promise.allSettled(Array.from({ length: 20 }, (_, winner) => create({ winner }, id)));
    assert.equal(outcomes.filter(({ status }) => status === 'fulfilled').length, 1);
  });

  it('puts the time of the commit where it is asked to', async () => {
    const id = randomUUID();
    const first = await create({ leasedAt: SERVER_TIME, other: 1 }, id);
    const leasedAt = Number((await read(id))?.leasedAt);
    // Firestore's is the time of the request, a moment before the commit's.
    assert.ok(Math.abs(leasedAt - first.at) < 1000, `${leasedAt}, ${first.at}`);
    assert.ok(Number.isInteger(leasedAt));
    const second = await one({ kind: 'update', collection: 'things', id, version: first.version, set: { leasedAt: SERVER_TIME } });
    assert.ok(second.at >= first.at);
    assert.ok(Math.abs(Number((await read(id))?.leasedAt) - second.at) < 1000);
    assert.equal((await read(id))?.other, 1);
    await assert.rejects(create({ createdAt: SERVER_TIME }), TypeError);
  });

  it('keeps times to live as milliseconds', async () => {
    const id = randomUUID();
    const expireAt = Date.now() + 86_400_123;
    await create({ expireAt }, id);
    assert.deepEqual(await read(id), { expireAt });
  });

  for (const { title, value } of documentValues()) {
    it(`keeps ${title}, at the top, below and appended`, async () => {
      const id = randomUUID();
      const { version } = await create({ top: value, map: { below: value }, list: [value, [value]] }, id);
      await one({ kind: 'update', collection: 'things', id, version, set: { set: value }, append: { list: [value] } });
      const expected = JSON.parse(JSON.stringify({ top: value, map: { below: value }, list: [value, [value], value], set: value }));
      assert.deepEqual(await read(id), expected);
    });
  }

  it('keeps a payload and a result of 256 KiB each', async () => {
    const id = randomUUID();
    const [payload, result] = ['é', '"'].map((character) => ({ text: character.repeat(131_072) }));
    const { version } = await create({ payload }, id);
    await one({ kind: 'update', collection: 'things', id, version, set: { result } });
    assert.deepEqual(await read(id), { payload, result });
  });

  it('keeps any JSON under any name', async () => {
    const odd = fc.dictionary(fc.string({ unit: 'binary', minLength: 1, maxLength: 20 }), fc.jsonValue({ maxDepth: 3 }), {
      maxKeys: 5,
    });
    await fc.assert(
      fc.asyncProperty(odd, async (data) => {
        const id = randomUUID();
        await create(data, id);
        assert.deepEqual(await read(id), JSON.parse(JSON.stringify(data)));
      }),
      { numRuns: 50 },
    );
  });

  queryContract(() => documents);
  watchContract(() => documents);
}
