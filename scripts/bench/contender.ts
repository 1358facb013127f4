/** What the interleaved rounds compare: something that takes the load, started once, its store kept on disk. */

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Load, LoadResult } from './load-loop.ts';

export interface Contender {
  run(load: Load): Promise<LoadResult>;
  /** Empties its store before a turn, where what earlier turns left would count against it. */
  empty?(): Promise<void>;
}

/** Starts contenders; what has to end again is put into `release`. Rejects with the reason when they cannot run here. */
export type StartContenders = (release: AsyncDisposableStack) => Promise<Readonly<Record<string, Contender>>>;

/** A folder that is removed with `release`. */
export async function temporaryFolder(release: AsyncDisposableStack): Promise<string> {
  return release.adopt(await mkdtemp(join(tmpdir(), 'heliograph-bench-')), (path) => rm(path, { recursive: true, force: true }));
}
