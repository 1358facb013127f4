import { mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { DatabaseSync, type StatementSync } from 'node:sqlite';
import { Problem } from '../core/errors.ts';

/**
 * One SQLite file with group commit: everything that is written in one turn of the event loop shares one transaction and one
 * sync to the disk at the turn's end. Promises settle after that sync, never before.
 */
export interface Database {
  /** Prepares a statement; to be done once, not per call. */
  prepare(sql: string): StatementSync;
  /** Creates tables and indexes. */
  define(sql: string): void;
  /** A whole number that never comes twice from the same file, and only grows. */
  next(): number;
  /**
   * Runs `work` at once inside the turn's transaction; settles after the commit with what it returned or threw. A `work` that
   * may throw after its first change must say `undoable`: its changes alone are then undone.
   * Throws `Problem` `store_unavailable` when the commit failed; nothing of the turn was written then.
   */
  write<T>(work: () => T, undoable?: 'undoable'): Promise<T>;
  /** Runs `work` at once; settles after the commit of whatever it may have seen, so that nobody acts on what may never be durable. */
  read<T>(work: () => T): Promise<T>;
  /** Whether a transaction is open: what is read now may never be durable. */
  isWriting(): boolean;
  /** Calls `listener` after each commit, once the promises of its writes are settled. The result removes it. */
  onCommit(listener: () => void): () => void;
  /** Commits what is open and closes the file. */
  close(): Promise<void>;
}

/**
 * Opens (or makes) the database file, for this process alone.
 * Throws `Problem` `data_in_use` when another process holds it.
 */
export function openDatabase({ path }: { readonly path: string }): Database {
  const { connection, boot } = open(path);
  const begin = connection.prepare('BEGIN IMMEDIATE');
  const commit = connection.prepare('COMMIT');
  const save = connection.prepare('SAVEPOINT one');
  const undo = connection.prepare('ROLLBACK TO one');
  const release = connection.prepare('RELEASE one');
  const listeners = new Set<() => void>();
  let group: Member[] | undefined;
  let flushing: NodeJS.Immediate | undefined;
  let last = boot * NUMBERS_PER_BOOT;
  let closed = false;

  /** `undefined` where the transaction can still be committed. */
  const abandoned = (cause: unknown): Problem | undefined => {
    if (connection.isTransaction) return undefined;
    return new Problem(503, 'store_unavailable', 'The database refused a write.', { cause });
  };

  const reject = (problem: Problem): void => {
    const members = group ?? [];
    group = undefined;
    clearImmediate(flushing);
    if (connection.isTransaction) connection.exec('ROLLBACK');
    for (const member of members) member.reject(problem);
  };

  const flush = (): void => {
    if (group === undefined) return;
    try {
      commit.run();
    } catch (cause) {
      reject(new Problem(503, 'store_unavailable', 'The database could not commit.', { cause }));
      return;
    }
    const members = group;
    group = undefined;
    for (const member of members) {
      if (member.failed) member.reject(member.result);
      else member.resolve(member.result);
    }
    for (const listener of listeners) listener();
  };

  /** Puts the outcome of `work` off until the turn's commit. */
  const join = <T>(members: Member[], work: () => T, undoable: boolean): Promise<T> =>
    new Promise<T>((resolve, rejectOne) => {
      const member: Member = { resolve: resolve as Member['resolve'], reject: rejectOne, result: undefined, failed: false };
      members.push(member);
      try {
        if (undoable) save.run();
        member.result = work();
        if (undoable) release.run();
      } catch (error) {
        // A full disk or a failing one makes SQLite roll everything back by itself.
        const problem = abandoned(error);
        if (problem) return reject(problem);
        member.failed = true;
        member.result = error;
        if (undoable) {
          undo.run();
          release.run();
        }
      }
    });

  return {
    prepare: (sql) => connection.prepare(sql),
    define: (sql) => connection.exec(sql),
    next: () => ++last,

    async write(work, undoable) {
      if (closed) throw new Problem(503, 'store_unavailable', 'The database is closed.');
      if (group === undefined) {
        begin.run();
        group = [];
        flushing = setImmediate(flush);
      }
      return join(group, work, undoable !== undefined);
    },

    async read(work) {
      if (closed) throw new Problem(503, 'store_unavailable', 'The database is closed.');
      return group === undefined ? work() : join(group, work, false);
    },

    isWriting: () => group !== undefined,

    onCommit(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },

    async close() {
      if (closed) return;
      closed = true;
      clearImmediate(flushing);
      flush();
      connection.close();
    },
  };
}

interface Member {
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: unknown) => void;
  result: unknown;
  failed: boolean;
}

/** Every opening of the file takes the next block of numbers, so that none has to be written down while it is in use. */
const NUMBERS_PER_BOOT = 10_000_000_000;

function open(path: string): { connection: DatabaseSync; boot: number } {
  const folder = dirname(path);
  if (path !== ':memory:') mkdirSync(folder, { recursive: true, mode: 0o700 });
  const connection = new DatabaseSync(path, { timeout: 0 });
  try {
    // The exclusive lock also spares the shared-memory file; it is taken with the first transaction and kept.
    connection.exec('PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL');
    connection.exec(
      `PRAGMA wal_autocheckpoint = ${CHECKPOINT_PAGES}; PRAGMA cache_size = -${CACHE_KIB}; PRAGMA temp_store = MEMORY`,
    );
    connection.exec('CREATE TABLE IF NOT EXISTS boots (count INTEGER NOT NULL)');
    connection.exec('INSERT INTO boots SELECT 0 WHERE NOT EXISTS (SELECT * FROM boots)');
    const row = connection.prepare('UPDATE boots SET count = count + 1 RETURNING count').get();
    return { connection, boot: row?.count as number };
  } catch (error) {
    connection.close();
    const BUSY = 5;
    if ((error as { errcode?: number }).errcode !== BUSY) throw error;
    throw new Problem(409, 'data_in_use', `Another process is using the data in ${folder}.`, { cause: error });
  }
}

/** Fewer, larger checkpoints: pages that are written over and over reach the main file once. */
const CHECKPOINT_PAGES = 4000;
const CACHE_KIB = 32_768;
