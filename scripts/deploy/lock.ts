import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { Problem } from '../../functions/core/errors.ts';

/** SQLITE_BUSY. */
const BUSY = 5;

/**
 * Keeps a deployment's folder for this process until `release`: its plan and its archives are files there, and of two deployments
 * one would carry out what the other has planned. SQLite's lock is the operating system's, so it ends with the process, however that
 * ends. Throws `Problem` `deployment_running`.
 */
export function lockFolder(folder: string, release: AsyncDisposableStack): void {
  mkdirSync(folder, { recursive: true });
  const lock = new DatabaseSync(join(folder, 'lock'));
  try {
    lock.exec('BEGIN EXCLUSIVE');
  } catch (error) {
    lock.close();
    if ((error as { errcode?: number }).errcode !== BUSY) throw error;
    throw new Problem(
      409,
      'deployment_running',
      `Another deployment uses ${folder}. Wait for it, or choose another folder with --out.`,
    );
  }
  release.defer(() => lock.close());
}
