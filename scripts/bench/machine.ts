/** What a run's figures depend on. */

import { fdatasync, write } from 'node:fs';
import { mkdtemp, open, rm } from 'node:fs/promises';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { spread } from './rounds.ts';

export interface Machine {
  readonly node: string;
  readonly cpu: string;
  readonly cpus: number;
  /** Median of appending 4 KiB and syncing, where every store of a run lies. */
  readonly syncMs: number;
}

const SYNCS = 200;

/** The machine at hand; the time of a sync is taken in the folder of temporary files. */
export async function thisMachine(): Promise<Machine> {
  return { node: process.version, cpu: cpus()[0]?.model ?? 'unknown', cpus: cpus().length, syncMs: await syncMs() };
}

async function syncMs(): Promise<number> {
  const folder = await mkdtemp(join(tmpdir(), 'heliograph-sync-'));
  const file = await open(join(folder, 'file'), 'w');
  try {
    const times: number[] = [];
    for (let n = 0; n < SYNCS; n++) {
      const started = performance.now();
      await promisify(write)(file.fd, Buffer.alloc(4096));
      await promisify(fdatasync)(file.fd);
      times.push(performance.now() - started);
    }
    return Number(spread(times).median.toFixed(3));
  } finally {
    await file.close();
    await rm(folder, { recursive: true });
  }
}
