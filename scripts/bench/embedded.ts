/** The embedded runtime: tasks per second at 32 clients, the time of one task at a time, and what 100,000 tasks leave behind. */

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { LoadResult } from './load-loop.ts';
import { type LoadGenerator, type MeasuredProcess, startBare, startHeliograph, startLoad } from './measured-process.ts';
import { interleaved } from './rounds.ts';

export interface EmbeddedFigures {
  readonly many: readonly LoadResult[];
  readonly one: readonly LoadResult[];
  /** The bare trial's, in the same rounds. */
  readonly bareMany: readonly LoadResult[];
  readonly bareOne: readonly LoadResult[];
}

export interface EnduranceFigures {
  readonly tasks: number;
  readonly memoryMb: number;
  /** Tasks per second of the last tenth over those of the first one after warming up. */
  readonly lastOverFirst: number;
}

/** Rounds of 32 clients and of one client, in turn with the bare trial. */
export async function measureEmbedded(tasks: number, rounds: number): Promise<EmbeddedFigures> {
  return withServer(startHeliograph, ({ url }, load) =>
    withServer(startBare, async (bare) => {
      const runs = (of: string) => ({
        many: () => load.run({ url: of, clients: 32, tasks }),
        one: () => load.run({ url: of, clients: 1, tasks: Math.ceil(tasks / 10) }),
      });
      const [ours, theirs] = [runs(url), runs(bare.url)];
      await interleaved(1, { ours: ours.many, theirs: theirs.many });
      const figures = await interleaved(rounds, { ...ours, bareMany: theirs.many, bareOne: theirs.one });
      return figures as unknown as EmbeddedFigures;
    }),
  );
}

/** Memory and speed after that many tasks on one server. */
export async function measureEndurance(tasks: number): Promise<EnduranceFigures> {
  return withServer(startHeliograph, async (server, load) => {
    const { url } = server;
    const tenth = tasks / 10;
    await load.run({ url, clients: 32, tasks: 2_000 });
    const rates: number[] = [];
    for (let part = 0; part < 10; part++) rates.push((await load.run({ url, clients: 32, tasks: tenth })).perSecond);
    return { tasks, memoryMb: server.memoryMb(), lastOverFirst: (rates.at(-1) ?? 0) / (rates[0] ?? Number.NaN) };
  });
}

async function withServer<T>(
  start: (dataDir: string) => Promise<MeasuredProcess>,
  use: (server: MeasuredProcess, load: LoadGenerator) => Promise<T>,
): Promise<T> {
  const dataDir = await mkdtemp(join(tmpdir(), 'heliograph-bench-'));
  const server = await start(dataDir);
  const load = startLoad();
  try {
    return await use(server, load);
  } finally {
    await load.stop();
    await server.stop();
    await rm(dataDir, { recursive: true });
  }
}
