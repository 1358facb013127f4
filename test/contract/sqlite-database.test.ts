import assert from 'node:assert/strict';
import { join } from 'node:path';
import type { StatementSync } from 'node:sqlite';
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
    database.onCommit(() => {
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
    assert.equal(database.isWriting(), true);
    assert.deepEqual(await read, [1, 2, 3]);
    await Promise.all(writes);
    assert.equal(commits, 1);
    assert.equal(settled.length, 4);
    assert.equal(database.isWriting(), false);
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
