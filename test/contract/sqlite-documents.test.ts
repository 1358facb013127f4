import assert from 'node:assert/strict';
import { join } from 'node:path';
import { systemClock } from '../../functions/adapters/clock.ts';
import { type Database, openDatabase } from '../../functions/adapters/sqlite-database.ts';
import { sqliteDocuments } from '../../functions/adapters/sqlite-documents.ts';
import type { Fields } from '../../functions/core/ports.ts';
import { type CollectionRow, topology } from '../../functions/topology.ts';
import { temporaryFolder } from '../support/folder.ts';

describe('SQLite: documents', () => {
  let folder: ReturnType<typeof temporaryFolder>;
  let database: Database;
  beforeEach(() => {
    folder = temporaryFolder();
    database = openDatabase({ path: join(folder.path, 'data.db') });
  });
  afterEach(async () => {
    await database.close();
    folder.remove();
  });

  const open = (row: Partial<CollectionRow>, clock = systemClock()) =>
    sqliteDocuments(
      database,
      { collections: { things: { database: 'tasks', unindexed: [], indexes: [], ...row } } },
      'tasks',
      clock,
    );
  const created = (id: string, data: Fields) => ({ kind: 'create', collection: 'things', id, data }) as const;

  describe('where everybody goes on at once', () => {
    const index = [
      { field: 'kind', order: 'asc' },
      { field: 'at', order: 'asc' },
    ] as const;
    beforeEach(async () => {
      await database.close();
      database = openDatabase({ path: join(folder.path, 'data.db'), settles: 'at once' });
    });
    const changes = () => database.read(() => database.prepare('SELECT total_changes() AS n').get()?.n as number);
    const updated = (id: string, version: string | undefined, set: Fields) =>
      ({ kind: 'update', collection: 'things', id, version: String(version), set }) as const;
    const stored = () => new Promise<void>((resolve) => database.whenDurable(() => resolve()));

    it('writes a document once per commit, as it is then', async () => {
      const documents = open({ indexes: [index] });
      const before = await changes();
      const [first] = await documents.commit([created('a', { n: 1, at: 1 })]);
      const [second] = await documents.commit([updated('a', first?.version, { n: 2, at: 2 })]);
      const [third] = await documents.commit([updated('a', second?.version, { kind: 'x' })]);
      assert.deepEqual((await documents.get('things', 'a'))?.data, { n: 2, at: 2, kind: 'x' });
      assert.equal(await changes(), before);
      await stored();
      assert.equal(await changes(), before + 1);
      const [fourth] = await documents.commit([updated('a', third?.version, { at: 3 })]);
      await documents.commit([updated('a', fourth?.version, { at: 4 })]);
      await stored();
      assert.equal(await changes(), before + 2);
      const { documents: found } = await documents.query('things', {
        equal: { kind: 'x' },
        orderBy: { field: 'at', direction: 'asc' },
        limit: 10,
      });
      assert.deepEqual(
        found.map(({ data }) => data),
        [{ n: 2, at: 4, kind: 'x' }],
      );
      await documents.close();
    });

    it('refuses and undoes among what is not written yet', async () => {
      const documents = open({ indexes: [index] });
      const refused = { code: 'precondition_failed' };
      const [a] = await documents.commit([created('a', { kind: 'x', at: 1 })]);
      await assert.rejects(documents.commit([created('a', { n: 2 })]), refused);
      await assert.rejects(documents.commit([updated('a', '0', { n: 2 })]), refused);
      await assert.rejects(documents.commit([updated('a', a?.version, { at: 2 }), created('b', {}), created('a', {})]), refused);
      assert.deepEqual((await documents.get('things', 'a'))?.data, { kind: 'x', at: 1 });
      assert.equal(await documents.get('things', 'b'), undefined);
      const [b] = await documents.commit([created('b', { kind: 'x', at: 0 })]);
      const { documents: found } = await documents.query('things', {
        equal: { kind: 'x' },
        orderBy: { field: 'at', direction: 'asc' },
        limit: 10,
      });
      assert.deepEqual(
        found.map(({ id }) => id),
        ['b', 'a'],
      );
      await documents.commit([updated('b', b?.version, { at: 2 })]);
      await documents.commit([{ kind: 'delete', collection: 'things', id: 'b' }]);
      await stored();
      assert.equal(await documents.get('things', 'b'), undefined);
      await documents.close();
    });
  });

  it('writes ahead, and is asked to sync around checkpoints', () => {
    assert.equal(database.prepare('PRAGMA synchronous').get()?.synchronous, 1);
    assert.equal(database.prepare('PRAGMA journal_mode').get()?.journal_mode, 'wal');
  });

  it('serves every query of the topology from an index, in its order', async () => {
    const documents = sqliteDocuments(database, topology, 'tasks', systemClock());
    for (const [name, row] of Object.entries(topology.collections)) {
      if (row.database !== 'tasks') continue;
      for (const index of row.indexes) {
        const ordered = index.at(-1);
        const equal = index.slice(0, -1).map(({ field }) => `"f_${field}" = ?`);
        const sql = `SELECT id FROM "documents_${name}" WHERE ${[`"f_${ordered?.field}" IS NOT NULL`, ...equal].join(' AND ')}
          ORDER BY "f_${ordered?.field}" ${ordered?.order}, id ${ordered?.order} LIMIT 50`;
        const steps = database.prepare(`EXPLAIN QUERY PLAN ${sql}`).all(...equal.map(() => 'x'));
        const plan = steps.map(({ detail }) => String(detail)).join('; ');
        assert.match(plan, /USING INDEX index_/, sql);
        // Ties alone are sorted; never all that was found.
        assert.doesNotMatch(plan, /TEMP B-TREE FOR ORDER BY/, sql);
      }
    }
    await documents.close();
  });

  it('follows the topology when its indexes change', async () => {
    const before = open({ indexes: [[{ field: 'old', order: 'asc' }]] });
    await before.commit([
      created('a', { old: 1, rank: 2, flag: true }),
      created('b', { rank: 1, flag: true }),
      created('c', { rank: { no: 1 } }),
    ]);
    await before.close();
    const after = open({
      ttlField: 'expireAt',
      indexes: [
        [
          { field: 'flag', order: 'asc' },
          { field: 'rank', order: 'asc' },
        ],
      ],
    });
    const found = await after.query('things', { equal: { flag: true }, orderBy: { field: 'rank', direction: 'asc' }, limit: 9 });
    assert.deepEqual(
      found.documents.map(({ id }) => id),
      ['b', 'a'],
    );
    const indexes = database.prepare("SELECT name FROM sqlite_schema WHERE type = 'index' AND sql IS NOT NULL ORDER BY name").all();
    assert.deepEqual(
      indexes.map(({ name }) => name),
      ['index_things_expireAt_asc', 'index_things_flag_asc_rank_asc'],
    );
    await after.close();
  });

  it('removes what has outlived its time, in bounded batches, every minute', async () => {
    let now = 1000;
    let tick = () => {};
    const clock = {
      ...systemClock(),
      now: () => now,
      after: (ms: number, run: () => void) => {
        assert.equal(ms, 60_000);
        tick = run;
        return () => {};
      },
    };
    const documents = open({ ttlField: 'expireAt' }, clock);
    await documents.commit([
      ...Array.from({ length: 5 }, (_, index) => created(`old-${index}`, { expireAt: 1000 + index })),
      created('later', { expireAt: 9000 }),
      created('never', {}),
    ]);
    const left = async () =>
      (await Promise.all(['old-0', 'old-4', 'later', 'never'].map((id) => documents.get('things', id)))).map(Boolean);
    assert.equal(await documents.removeExpired(10), 0);
    now = 2000;
    assert.equal(await documents.removeExpired(3), 3);
    assert.deepEqual(await left(), [false, true, true, true]);
    tick();
    assert.deepEqual(await left(), [false, false, true, true]);
    await documents.close();
  });

  it('knows the collections of its own database alone', async () => {
    const documents = sqliteDocuments(database, topology, 'control', systemClock());
    await assert.rejects(documents.get('tasks', 'x'), TypeError);
    await assert.rejects(documents.commit([{ kind: 'create', collection: 'tasks', id: 'x', data: {} }]), TypeError);
    assert.equal(await documents.get('keys', 'x'), undefined);
    await documents.close();
  });
});
