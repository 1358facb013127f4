/** The database file itself: opened for one process alone, and its write-ahead log synced beside the event loop. */

import { closeSync, fdatasync, mkdirSync, openSync } from 'node:fs';
import { dirname } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { Problem } from '../core/errors.ts';

/** Every opening of the file takes the next block of numbers, so that none has to be written down while it is in use. */
const NUMBERS_PER_BOOT = 10_000_000_000;

/**
 * Opens (or makes) the file. `firstNumber` is the start of a block of numbers that no other opening of it has.
 * Throws `Problem` `data_in_use` when another process holds it.
 */
export function openFile(path: string): { readonly connection: DatabaseSync; readonly firstNumber: number } {
  const folder = dirname(path);
  if (path !== ':memory:') {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    // SQLite would make it readable by everybody on this machine; its log takes the mode of the file.
    closeSync(openSync(path, 'a', 0o600));
  }
  const connection = new DatabaseSync(path, { timeout: 0 });
  try {
    // The exclusive lock also spares the shared-memory file; it is taken with the first transaction and kept.
    connection.exec('PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL');
    connection.exec(
      `PRAGMA wal_autocheckpoint = ${CHECKPOINT_PAGES}; PRAGMA cache_size = -${CACHE_KIB}; PRAGMA temp_store = MEMORY`,
    );
    connection.exec('CREATE TABLE IF NOT EXISTS boots (count INTEGER NOT NULL)');
    connection.exec('INSERT INTO boots SELECT 0 WHERE NOT EXISTS (SELECT * FROM boots)');
    const row = connection.prepare('UPDATE boots SET count = count + 1 RETURNING count').get();
    return { connection, firstNumber: (row?.count as number) * NUMBERS_PER_BOOT };
  } catch (error) {
    connection.close();
    const BUSY = 5;
    if ((error as { errcode?: number }).errcode !== BUSY) throw error;
    throw new Problem(409, 'data_in_use', `Another process is using the data in ${folder}.`, { cause: error });
  }
}

/** Fewer, larger checkpoints: pages that are written over and over reach the main file once. */
const CHECKPOINT_PAGES = 4000;
const CACHE_KIB = 16_384;

/** Calls back once everything committed before is on disk, or with the error. */
export type Sync = (done: (error: Error | null) => void) => void;

/**
 * Syncs the write-ahead log beside the event loop. SQLite itself (`synchronous = NORMAL`) syncs it only around checkpoints; with
 * this sync after each commit and before any promise settles, what `synchronous = FULL` promises holds, without the event loop
 * standing still for each sync.
 *
 * Source: sqlite.org/pragma.html#pragma_synchronous, sqlite.org/wal.html.
 */
export function logSync(path: string): { readonly sync: Sync; close(): void } {
  if (path === ':memory:') return { sync: (done) => done(null), close() {} };
  const file = openSync(`${path}-wal`, 'r+');
  return { sync: (done) => fdatasync(file, done), close: () => closeSync(file) };
}
