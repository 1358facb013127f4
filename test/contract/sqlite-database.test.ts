import assert from 'node:assert/strict';
import { join } from 'node:path';
import type { StatementSync } from 'node:sqlite';
import { setTimeout as pause } from 'node:timers/promises';
import { type Database, openDatabase } from '../../functions/adapters/sqlite-database.ts';
import { temporaryFolder } from '../support/folder.ts';

describe('SQLite: group commit', () => {
  let folder: ReturnType<typeof temporaryFolder>;
  let database: Database;
  let insert: StatementSync;
  let commits: number;

  beforeEach(() => {
    folder = temporaryFolder();
    database = openDatabase({ path: join(folder.path, 'data.db') });
    database.define('CREATE TABLE t (n INTEGER PRIMARY KEY); CREATE TABLE parent (id INTEGER PRIMARY KEY);');
    database.define('CREATE TABLE child (id INTEGER REFERENCES parent DEFERRABLE INITIALLY DEFERRED); PRAGMA foreign_keys = ON');
    insert = database.prepare('INSERT INTO t VALUES (?)');
    commits = 0;
    database.onVisible(() => {
      commits += 1;
    });
  });
  afterEach(async () => {
    await database.close();
    folder.remove();
  });

  const add = (...numbers: number[]) => database.write(() => numbers.map((n) => insert.run(n)), 'undoable');
  const all = () =>
    database.read(() =>
      database
        .prepare('SELECT n FROM t ORDER BY n')
        .all()
        .map(({ n }) => n),
    );

  it('commits a turn once, and settles nothing before', async () => {
    const settled: number[] = [];
    const writes = [1, 2, 3].map((n) => add(n).then(() => settled.push(commits)));
    const read = all().then((found) => {
      settled.push(commits);
      return found;
    });
    await null;
    assert.deepEqual(settled, []);
    assert.deepEqual(await read, [1, 2, 3]);
    await Promise.all(writes);
    assert.equal(commits, 1);
    assert.equal(settled.length, 4);
  });

  describe('with a disk that takes its time', () => {
    let syncs: ((error: Error | null) => void)[];
    beforeEach(async () => {
      await database.close();
      syncs = [];
      database = openDatabase({ path: join(folder.path, 'data.db'), sync: (done) => void syncs.push(done) });
      insert = database.prepare('INSERT INTO t VALUES (?)');
    });
    const finish = async (error: Error | null = null) => {
      while (syncs.length === 0) await pause(1);
      syncs.shift()?.(error);
      await pause(1);
    };

    it('settles no write and no read before the disk has what they may have seen', async () => {
      const settled: string[] = [];
      const number = database.next();
      add(1).then(() => settled.push('write'));
      await pause(20);
      all().then(() => settled.push('read'));
      await pause(20);
      assert.deepEqual(settled, []);
      assert.ok(database.visible() < number);
      await finish();
      assert.deepEqual(settled, ['write', 'read']);
      assert.ok(database.visible() >= number);
    });

    it('gathers what comes meanwhile for the next sync', async () => {
      const first = add(1);
      while (syncs.length === 0) await pause(1);
      const later = Promise.all([add(2), add(3), pause(5).then(() => add(4))]);
      await pause(20);
      assert.equal(syncs.length, 1);
      await finish();
      await first;
      await finish();
      await later;
      assert.equal(syncs.length, 0);
    });

    it('commits a lazy change in its time, also when that came while the disk was busy', async () => {
      const first = add(1);
      while (syncs.length === 0) await pause(1);
      const late = database.writeLazily(() => void insert.run(2));
      await pause(60);
      await finish();
      await first;
      await finish();
      await late;
      const alone = database.writeLazily(() => void insert.run(3));
      assert.equal(syncs.length, 0);
      await finish();
      await alone;
    });

    it('lets no read wait for a lazy change', async () => {
      const lazily = database.writeLazily(() => void insert.run(1));
      assert.deepEqual(await all(), [1]);
      await finish();
      await lazily;
    });

    it('takes nothing more after a sync that failed, since nobody knows what the disk holds', async () => {
      const refused = assert.rejects(add(1), { code: 'store_unavailable' });
      while (syncs.length === 0) await pause(1);
      const waiting = assert.rejects(add(2), { code: 'store_unavailable' });
      await finish(new Error('EIO'));
      await Promise.all([refused, waiting]);
      await assert.rejects(add(3), { code: 'store_unavailable' });
      assert.equal(syncs.length, 0);
    });
  });

  describe('where everybody goes on at once', () => {
    let syncs: ((error: Error | null) => void)[];
    beforeEach(async () => {
      await database.close();
      syncs = [];
      database = openDatabase({
        path: join(folder.path, 'data.db'),
        settles: 'at once',
        sync: (done) => void syncs.push(done),
      });
      database.define('PRAGMA foreign_keys = ON');
      insert = database.prepare('INSERT INTO t VALUES (?)');
    });
    const finish = async (error: Error | null = null) => {
      while (syncs.length === 0) await pause(1);
      syncs.shift()?.(error);
      await pause(1);
    };
    const durable = () =>
      new Promise<void>((resolve, reject) => database.whenDurable((failure) => (failure ? reject(failure) : resolve())));
    // What is still held when a test ends would keep the file open.
    afterEach(() => {
      for (const done of syncs) done(null);
    });

    it('settles writes and reads before the disk has them, and tells who waits for it when it has', async () => {
      const told: string[] = [];
      const number = database.next();
      await add(1);
      assert.ok(database.visible() >= number);
      assert.deepEqual(await all(), [1]);
      durable().then(() => told.push('durable'));
      await pause(20);
      assert.equal(told.length, 0);
      await finish();
      assert.deepEqual(told, ['durable']);
      database.whenDurable(() => told.push('at once'));
      assert.deepEqual(told, ['durable', 'at once']);
    });

    it('lets those who come during a sync wait for the next one', async () => {
      const told: number[] = [];
      await add(1);
      durable().then(() => told.push(1));
      while (syncs.length === 0) await pause(1);
      await add(2);
      durable().then(() => told.push(2));
      await finish();
      assert.deepEqual(told, [1]);
      await finish();
      assert.deepEqual(told, [1, 2]);
    });

    it('tells listeners of what is visible, without waiting for the disk', async () => {
      let told = 0;
      database.onVisible(() => {
        told += 1;
      });
      await add(1);
      await add(2);
      assert.equal(told, 0);
      await pause(5);
      assert.equal(told, 1);
      await finish();
      assert.equal(told, 1);
    });

    it('lets nobody wait for a lazy change, and commits it in its time', async () => {
      await database.writeLazily(() => void insert.run(1));
      let told = false;
      database.whenDurable(() => {
        told = true;
      });
      assert.ok(told);
      await finish();
      assert.deepEqual(await all(), [1]);
    });

    for (const [what, refuse] of [
      ['that could not be committed', () => database.write(() => database.prepare('INSERT INTO child VALUES (7)').run())],
      [
        'that SQLite itself rolled back',
        () => database.write(() => database.prepare('INSERT OR ROLLBACK INTO t VALUES (1)').run()),
      ],
    ] as const) {
      it(`takes nothing more after a change ${what}: others have gone on from it`, async () => {
        await add(1);
        const lost = assert.rejects(durable(), { code: 'store_unavailable' });
        await refuse().catch(() => {});
        await lost;
        await assert.rejects(durable(), { code: 'store_unavailable' });
        await assert.rejects(add(2), { code: 'store_unavailable' });
        await assert.rejects(all(), { code: 'store_unavailable' });
      });
    }

    it('takes nothing more after a sync that failed', async () => {
      await add(1);
      const lost = assert.rejects(durable(), { code: 'store_unavailable' });
      await finish(new Error('EIO'));
      await lost;
      await assert.rejects(durable(), { code: 'store_unavailable' });
      await assert.rejects(add(2), { code: 'store_unavailable' });
    });

    it('undoes only the call that failed', async () => {
      await add(1);
      await assert.rejects(add(2, 3, 1), /UNIQUE/);
      await add(4);
      assert.deepEqual(await all(), [1, 4]);
    });
  });

  it('undoes only the call that failed', async () => {
    const outcomes = await Promise.allSettled([add(1), add(2, 3, 1), add(4)]);
    assert.deepEqual(
      outcomes.map(({ status }) => status),
      ['fulfilled', 'rejected', 'fulfilled'],
    );
    assert.deepEqual(await all(), [1, 4]);
    assert.equal(commits, 1);
  });

  it('fails everyone in the group when the commit fails, and goes on', async () => {
    const orphan = database.prepare('INSERT INTO child VALUES (7)');
    const outcomes = await Promise.allSettled([add(1), database.write(() => orphan.run()), all(), add(2)]);
    for (const outcome of outcomes) {
      assert.equal(outcome.status === 'rejected' && outcome.reason.code, 'store_unavailable');
    }
    assert.equal(commits, 0);
    await add(3);
    assert.deepEqual(await all(), [3]);
  });

  it('never gives a number twice', async () => {
    const first = database.next();
    await add(1);
    const second = database.next();
    await database.close();
    database = openDatabase({ path: join(folder.path, 'data.db') });
    assert.ok(first < second && second < database.next());
  });

  it('commits what is open when it is closed, and takes nothing afterwards', async () => {
    const writing = add(1);
    await database.close();
    await writing;
    await assert.rejects(add(2), { code: 'store_unavailable' });
    await assert.rejects(all(), { code: 'store_unavailable' });
    database = openDatabase({ path: join(folder.path, 'data.db') });
    assert.deepEqual(await all(), [1]);
  });
});
