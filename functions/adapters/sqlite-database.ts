import type { StatementSync } from 'node:sqlite';
import { Problem } from '../core/errors.ts';
import { logSync, openFile, type Sync } from './sqlite-file.ts';

/**
 * One SQLite file with group commit: everything that is written in one turn of the event loop, or while the disk is busy with
 * the turns before, shares one transaction and one sync to the disk. Promises settle after that sync, never before.
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
  /**
   * Runs `work` at once, to be committed with whatever is written next, at the latest after some milliseconds: for changes whose
   * loss in a crash only repeats work. Others do not wait for it.
   */
  writeLazily(work: () => void): Promise<void>;
  /** Runs `work` at once; settles after the commit of whatever it may have seen, so that nobody acts on what may never be durable. */
  read<T>(work: () => T): Promise<T>;
  /** The largest number of `next` whose write is on disk: what was written with a larger one may never be. */
  durable(): number;
  /** Calls `listener` after each commit, once the promises of its writes are settled. The result removes it. */
  onCommit(listener: () => void): () => void;
  /** Commits what is open and closes the file. */
  close(): Promise<void>;
}

/**
 * Opens (or makes) the database file, for this process alone. `sync` makes what is committed durable; tests put their own there.
 * Throws `Problem` `data_in_use` when another process holds it.
 */
export function openDatabase({ path, sync }: { readonly path: string; readonly sync?: Sync }): Database {
  const { connection, firstNumber } = openFile(path);
  const log = sync === undefined ? logSync(path) : { sync, close: () => {} };
  const begin = connection.prepare('BEGIN IMMEDIATE');
  const commit = connection.prepare('COMMIT');
  const save = connection.prepare('SAVEPOINT one');
  const undo = connection.prepare('ROLLBACK TO one');
  const release = connection.prepare('RELEASE one');
  const listeners = new Set<() => void>();
  /** Who shares the open transaction, and who waits for the disk to have the last one. */
  let group: Member[] | undefined;
  let syncing: Member[] | undefined;
  let flushing: NodeJS.Immediate | undefined;
  /** Whether the open transaction holds lazy changes alone; then a timer is to commit it. */
  let lazy: NodeJS.Timeout | undefined;
  let last = firstNumber;
  let committed = last;
  let durable = last;
  let closed: Problem | undefined;
  let whenSynced = () => {};

  /** `undefined` where the transaction can still be committed. */
  const abandoned = (cause: unknown): Problem | undefined => {
    if (connection.isTransaction) return undefined;
    return new Problem(503, 'store_unavailable', 'The database refused a write.', { cause });
  };

  const reject = (problem: Problem): void => {
    const members = group ?? [];
    group = undefined;
    clearImmediate(flushing);
    clearTimeout(lazy);
    lazy = undefined;
    if (connection.isTransaction) connection.exec('ROLLBACK');
    for (const member of members) member.reject(problem);
  };

  const flush = (): void => {
    if (group === undefined || syncing !== undefined) return;
    clearTimeout(lazy);
    lazy = undefined;
    try {
      commit.run();
    } catch (cause) {
      reject(new Problem(503, 'store_unavailable', 'The database could not commit.', { cause }));
      return;
    }
    syncing = group;
    group = undefined;
    committed = last;
    log.sync(synced);
  };

  /** While the disk is busy `flush` does nothing; then the end of that sync goes on with this group. */
  const flushLazy = (): void => {
    lazy = undefined;
    flush();
  };

  const synced = (cause: Error | null): void => {
    const members = syncing ?? [];
    syncing = undefined;
    if (cause !== null) {
      // After a failed sync nobody knows what the disk holds, and a second one may succeed without having written: no further write.
      closed = new Problem(503, 'store_unavailable', 'The disk could not take what was committed; start again.', { cause });
      for (const member of members) member.reject(closed);
      reject(closed);
    }
    if (cause === null) durable = committed;
    for (const member of cause === null ? members : []) {
      if (member.failed) member.reject(member.result);
      else member.resolve(member.result);
    }
    for (const listener of cause === null ? listeners : []) listener();
    if (group !== undefined && lazy === undefined) flushing = setImmediate(flush);
    whenSynced();
  };

  const opened = (): Member[] => {
    begin.run();
    return [];
  };

  /** Puts the outcome of `work` off until the disk has the group's commit. */
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
        const problem = members === group ? abandoned(error) : undefined;
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
      if (closed) throw closed;
      if (group === undefined || lazy !== undefined) {
        group ??= opened();
        clearTimeout(lazy);
        lazy = undefined;
        if (syncing === undefined) flushing = setImmediate(flush);
      }
      return join(group, work, undoable !== undefined);
    },

    async writeLazily(work) {
      if (closed) throw closed;
      if (group === undefined) {
        group = opened();
        lazy = setTimeout(flushLazy, LAZY_MS);
      }
      return join(group, work, true);
    },

    async read(work) {
      if (closed) throw closed;
      const members = lazy === undefined ? (group ?? syncing) : syncing;
      return members === undefined ? work() : join(members, work, false);
    },

    durable: () => durable,

    onCommit(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },

    async close() {
      if (closed) return;
      closed = new Problem(503, 'store_unavailable', 'The database is closed.');
      while (group !== undefined || syncing !== undefined) {
        clearImmediate(flushing);
        const ended = new Promise<void>((resolve) => {
          whenSynced = resolve;
        });
        flush();
        if (syncing !== undefined) await ended;
      }
      log.close();
      connection.close();
    },
  };
}

/** How long a change that may be lost is kept back. */
const LAZY_MS = 20;

interface Member {
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: unknown) => void;
  result: unknown;
  failed: boolean;
}
