/** What the interleaved rounds compare: something that takes the load, started once, its store kept on disk. */

import { rmSync } from 'node:fs';
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

/** A folder that is removed with `release`, or else when this process exits. */
export async function temporaryFolder(release: AsyncDisposableStack): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'heliograph-bench-'));
  const always = { recursive: true, force: true, maxRetries: 5 } as const;
  const atExit = () => rmSync(path, always);
  process.once('exit', atExit);
  release.defer(async () => {
    await rm(path, always);
    process.off('exit', atExit);
  });
  return path;
}
