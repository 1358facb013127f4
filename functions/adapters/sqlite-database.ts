import type { StatementSync } from 'node:sqlite';
import { Problem } from '../core/errors.ts';
import { logSync, openFile, type Sync } from './sqlite-file.ts';

/**
 * One SQLite file with group commit: everything that is written in one turn of the event loop, or while the disk is busy with
 * the turns before, shares one transaction and one sync to the disk.
 *
 * What may be acted on, and when, is a choice (`settles`). `when durable`: promises settle after that sync, never before, so
 * that whoever uses the database need know nothing of this. `at once`: promises settle as soon as the transaction holds the
 * change, and everybody in the process goes on from there, while the log keeps all changes in their order; in exchange nothing
 * may leave the process before `whenDurable` has called back. A crash then loses only what nobody outside has seen.
 *
 * Source: Nightingale, Veeraraghavan, Chen, Flinn, "Rethink the Sync" (OSDI 2006), for the second.
 */
export interface Database {
  readonly settles: 'when durable' | 'at once';
  /** Prepares a statement; to be done once, not per call. */
  prepare(sql: string): StatementSync;
  /** Creates tables and indexes. */
  define(sql: string): void;
  /** A whole number that never comes twice from the same file, and only grows. */
  next(): number;
  /**
   * Runs `work` at once inside the turn's transaction, and settles with what it returned or threw. A `work` that may throw after
   * its first change must say `undoable`: its changes alone are then undone.
   * Throws `Problem` `store_unavailable` when the commit failed; nothing of the turn was written then.
   */
  write<T>(work: () => T, undoable?: 'undoable'): Promise<T>;
  /**
   * Runs `work` at once, to be committed with whatever is written next, at the latest after some milliseconds: for changes whose
   * loss in a crash only repeats work. Others do not wait for it.
   */
  writeLazily(work: () => void, undoable?: 'undoable'): Promise<void>;
  /**
   * Puts a part of the running write off until just before its commit; one that is undoable does it at once. The result takes it
   * back and says whether that was still possible. Only where everybody goes on at once, since there nobody outlives a commit
   * that failed.
   */
  defer(work: () => void): () => boolean;
  /** Runs what was put off: for those who look at the tables themselves. */
  runDeferred(): void;
  /** Runs `work` at once; what it may have seen counts as written by the caller too. */
  read<T>(work: () => T): Promise<T>;
  /** Calls back once everything written so far is on disk (at once where it is), or with the reason why it never will be. */
  whenDurable(done: (failure: Problem | undefined) => void): void;
  /** The largest number of `next` whose write may be acted on. */
  visible(): number;
  /** Calls `listener` whenever more has become visible. The result removes it. */
  onVisible(listener: () => void): () => void;
  /** Commits what is open and closes the file. */
  close(): Promise<void>;
}

export interface DatabaseOptions {
  readonly path: string;
  /** By default `when durable`. */
  readonly settles?: Database['settles'];
  /** Makes what is committed durable; tests put their own there. */
  readonly sync?: Sync;
}

/** Opens (or makes) the database file, for this process alone. Throws `Problem` `data_in_use` when another process holds it. */
export function openDatabase({ path, settles = 'when durable', sync }: DatabaseOptions): Database {
  const ahead = settles === 'at once';
  const { connection, firstNumber } = openFile(path);
  const log = sync === undefined ? logSync(path) : { sync, close: () => {} };
  const begin = connection.prepare('BEGIN IMMEDIATE');
  const commit = connection.prepare('COMMIT');
  const save = connection.prepare('SAVEPOINT one');
  const undo = connection.prepare('ROLLBACK TO one');
  const release = connection.prepare('RELEASE one');
  const listeners = new Set<() => void>();
  const deferred = new Set<() => void>();
  /** Who waits for the open transaction, and for the one that the disk is taking. */
  let group: Waiting[] | undefined;
  let syncing: Waiting[] | undefined;
  let flushing: NodeJS.Immediate | undefined;
  let telling: NodeJS.Immediate | undefined;
  /** Whether the open transaction holds lazy changes alone; then a timer is to commit it. */
  let lazy: NodeJS.Timeout | undefined;
  /** How often the commit has waited for those who are told of its changes. */
  let rounds = 0;
  let last = firstNumber;
  let committed = last;
  let durable = last;
  let isUndoable = false;
  let closed: Problem | undefined;
  let failed: Problem | undefined;
  let whenSynced = () => {};

  const fail = (problem: Problem): void => {
    closed = problem;
    failed = problem;
  };

  /** Nothing of the open transaction was written. Where others have gone on from it already, nobody can tell what they believe. */
  const abandon = (message: string, cause: unknown): Problem => {
    const advice = ahead ? `${message} Start again.` : message;
    const problem = new Problem(503, 'store_unavailable', advice, { cause });
    const waiting = group ?? [];
    group = undefined;
    clearImmediate(flushing);
    clearTimeout(lazy);
    lazy = undefined;
    deferred.clear();
    if (connection.isTransaction) connection.exec('ROLLBACK');
    if (ahead) fail(problem);
    for (const done of waiting) done(problem);
    return problem;
  };

  const runDeferred = (): void => {
    for (const work of deferred) work();
    deferred.clear();
  };

  const flush = (): void => {
    if (group === undefined || syncing !== undefined) return;
    if (telling !== undefined && rounds < MOST_ROUNDS) {
      // Those who are told now write more, which would otherwise need a commit of its own.
      rounds += 1;
      flushing = setImmediate(flush);
      return;
    }
    rounds = 0;
    clearTimeout(lazy);
    lazy = undefined;
    try {
      runDeferred();
      commit.run();
    } catch (cause) {
      abandon('The database could not commit.', cause);
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
    const waiting = syncing ?? [];
    syncing = undefined;
    if (cause === null) durable = committed;
    // After a failed sync nobody knows what the disk holds, and a second one may succeed without having written: no further write.
    else fail(new Problem(503, 'store_unavailable', 'The disk could not take what was committed; start again.', { cause }));
    for (const done of waiting) done(failed);
    if (failed !== undefined) abandon('The disk could not take what was committed before.', cause);
    else if (!ahead) tell();
    if (group !== undefined && lazy === undefined) flushing = setImmediate(flush);
    whenSynced();
  };

  const tell = (): void => {
    telling = undefined;
    for (const listener of listeners) listener();
  };

  /** Makes sure of an open transaction that is committed soon. */
  const open = (): void => {
    if (closed) throw closed;
    if (group !== undefined && lazy === undefined) return;
    if (group === undefined) begin.run();
    group ??= [];
    clearTimeout(lazy);
    lazy = undefined;
    // Told first, so that what they write at once is part of the same commit.
    if (ahead) telling ??= setImmediate(tell);
    if (syncing === undefined) flushing = setImmediate(flush);
  };

  const openLazily = (): void => {
    if (closed) throw closed;
    if (group !== undefined) return;
    begin.run();
    group = [];
    lazy = setTimeout(flushLazy, LAZY_MS);
  };

  const attempt = <T>(work: () => T, undoable: boolean): T => {
    // What is put off could not be undone.
    if (undoable) runDeferred();
    isUndoable = undoable;
    try {
      if (undoable) save.run();
      const result = work();
      if (undoable) release.run();
      return result;
    } catch (error) {
      // A full disk or a failing one makes SQLite roll everything back by itself.
      if (!connection.isTransaction) throw abandon('The database refused a write.', error);
      if (undoable) {
        undo.run();
        release.run();
      }
      throw error;
    } finally {
      isUndoable = false;
    }
  };

  const change = <T>(work: () => T, undoable: boolean): T | Promise<T> => {
    if (!ahead) return afterwards(group as Waiting[], () => attempt(work, undoable));
    // Told in a turn of their own, since what they do writes and is told of again.
    telling ??= setImmediate(tell);
    return attempt(work, undoable);
  };

  return {
    settles,
    prepare: (sql) => connection.prepare(sql),
    define: (sql) => connection.exec(sql),
    next: () => ++last,

    async write(work, undoable) {
      open();
      return change(work, undoable !== undefined);
    },

    async writeLazily(work, undoable) {
      openLazily();
      return change(work, undoable !== undefined);
    },

    defer(work) {
      if (isUndoable) {
        work();
        return () => false;
      }
      if (deferred.size === MOST_DEFERRED) runDeferred();
      deferred.add(work);
      return () => deferred.delete(work);
    },

    runDeferred,

    async read(work) {
      if (closed) throw closed;
      const waiting = ahead ? undefined : pending();
      return waiting === undefined ? work() : afterwards(waiting, work);
    },

    whenDurable(done) {
      const waiting = pending();
      if (waiting === undefined) done(failed);
      else waiting.push(done);
    },

    visible: () => (ahead ? last : durable),

    onVisible(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },

    async close() {
      if (!connection.isOpen) return;
      closed ??= new Problem(503, 'store_unavailable', 'The database is closed.');
      while (group !== undefined || syncing !== undefined) {
        clearImmediate(flushing);
        const ended = new Promise<void>((resolve) => {
          whenSynced = resolve;
        });
        rounds = MOST_ROUNDS;
        flush();
        if (syncing !== undefined) await ended;
      }
      clearImmediate(telling);
      log.close();
      connection.close();
    },
  };

  /** Those who wait for the last change that is not lazy. */
  function pending(): Waiting[] | undefined {
    return lazy === undefined ? (group ?? syncing) : syncing;
  }
}

/** How long a change that may be lost is kept back. */
const LAZY_MS = 20;
/** How many turns a commit waits for those who go on from its changes: as many as a task has steps. */
const MOST_ROUNDS = 3;
/** A bound on memory, for a loop that writes without ever letting the event loop turn. */
const MOST_DEFERRED = 1000;

type Waiting = (failure: Problem | undefined) => void;

/** Runs `work` now and keeps its outcome back until `waiting` is told. */
function afterwards<T>(waiting: Waiting[], work: () => T): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    let settle: () => void;
    waiting.push((failure) => (failure === undefined ? settle() : reject(failure)));
    try {
      const result = work();
      settle = () => resolve(result);
    } catch (error) {
      settle = () => reject(error);
    }
  });
}
