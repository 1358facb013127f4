/** The parts of the bench: each measures, and says in rows what came of it. */

import { type BackupTimes, measureBackups, STEPS } from './backups.ts';
import { measureColdStarts } from './cold-start.ts';
import { coldStartRows } from './cold-start-rows.ts';
import { countOperations } from './counts.ts';
import { measureEmbedded, measureEndurance } from './embedded.ts';
import { compareOnEmulators, summary } from './emulators.ts';
import { measureGrowth } from './growth.ts';
import { measureOrchestrate } from './orchestrate.ts';
import { growthRow, peerRows } from './peer-rows.ts';
import { measurePeers } from './peers.ts';
import { shown, spread } from './rounds.ts';
import { against, plain, type Row } from './rows.ts';

export interface PartOptions {
  /** 1, or less for a quicker run. */
  readonly scale: number;
  readonly rounds: number;
  /** Of a turn among the peers. */
  readonly seconds: number;
  /** How many tasks the large store holds. */
  readonly stored: number;
  readonly contenders?: readonly string[];
}

type Part = (options: PartOptions) => Promise<{ readonly rows: readonly Row[]; readonly figures: unknown }>;

/** What a run measures by itself, and what `--peers` measures instead. */
export const OWN_PARTS = ['counts', 'embedded', 'orchestrate', 'endurance', 'emulators', 'cold-start'] as const;
export const PEER_PARTS = ['peers', 'growth'] as const;
/** Only when it is asked for: it fills and empties a disk with gigabytes. */
export const OTHER_PARTS = ['backups'] as const;
export type PartName = (typeof OWN_PARTS)[number] | (typeof PEER_PARTS)[number] | (typeof OTHER_PARTS)[number];

export const PARTS: Readonly<Record<PartName, Part>> = {
  counts,
  embedded,
  orchestrate,
  endurance,
  emulators,
  'cold-start': coldStart,
  peers,
  growth,
  backups,
};

async function backups({ scale, rounds }: PartOptions) {
  const figures: Awaited<ReturnType<typeof measureBackups>>[] = [];
  for (let round = 0; round < rounds; round += 1) figures.push(await measureBackups(scale, round % 2 === 0));
  const rows = STEPS.flatMap((step) => {
    const ours = spread(figures.map((figure) => figure.ours[step]));
    const theirs = figures.flatMap(({ restic }: { restic?: BackupTimes }) => (restic === undefined ? [] : [restic[step]]));
    const what = `${step} of ${20_000 * scale} files: s`;
    if (theirs.length === 0) return [plain(what, shown(ours, 2))];
    const goal = spread(theirs);
    return [against(what, shown(ours, 2), `restic: ${shown(goal, 2)}`, ours.median <= goal.median)];
  });
  return { figures, rows };
}

async function counts() {
  const figures = await countOperations();
  const seen = `${figures.writes} writes, ${figures.reads} reads, ${figures.publishes} publishes`;
  const met = figures.writes === 3 && figures.reads === 0 && figures.publishes === 2;
  if (!met) process.exitCode = 1;
  return { figures, rows: [against('operations per task (pubsub)', seen, '3 writes, 0 reads, 2 publishes', met)] };
}

async function embedded({ scale, rounds }: PartOptions) {
  const figures = await measureEmbedded(5_000 * scale, rounds);
  const rate = spread(figures.many.map(({ perSecond }) => perSecond));
  const p50 = spread(figures.one.map(({ p50Ms }) => p50Ms));
  const bareRate = spread(figures.bareMany.map(({ perSecond }) => perSecond));
  const bareP50 = spread(figures.bareOne.map(({ p50Ms }) => p50Ms));
  const rows = [
    against('embedded, 32 clients: tasks/s', shown(rate), '≥ 1,500', rate.median >= 1_500),
    against('embedded, one at a time: p50 ms', shown(p50, 2), '≤ 3', p50.median <= 3),
    plain('bare trial, 32 clients: tasks/s', shown(bareRate)),
    plain('bare trial, one at a time: p50 ms', shown(bareP50, 2)),
  ];
  return { figures, rows };
}

async function orchestrate({ scale, rounds }: PartOptions) {
  const figures = await measureOrchestrate(1_000 * scale, rounds);
  const overhead = spread(figures.overhead);
  const rows = [
    plain('/dispatch of a tool: p50 ms', shown(spread(figures.dispatch), 2)),
    plain('/orchestrate of the same: p50 ms', shown(spread(figures.orchestrate), 2)),
    against('what /orchestrate adds: ms', shown(overhead, 2), '< 1', overhead.median < 1),
  ];
  return { figures, rows };
}

async function endurance({ scale }: PartOptions) {
  const figures = await measureEndurance(100_000 * scale);
  const { tasks, memoryMb, lastOverFirst } = figures;
  const rows = [
    against(`embedded after ${tasks} tasks: memory, MB`, memoryMb.toFixed(0), '< 300', memoryMb < 300),
    against('embedded: last tenth over first, tasks/s', lastOverFirst.toFixed(2), '≥ 0.90', lastOverFirst >= 0.9),
  ];
  return { figures, rows };
}

async function emulators({ scale, rounds }: PartOptions) {
  const figures = await compareOnEmulators(3_000 * scale, rounds).catch((error: Error) => ({ missing: error.message }));
  if ('missing' in figures) return { figures, rows: [against('emulators', `not measured: ${figures.missing}`, '', false)] };
  const { ours, bare, ratio } = summary(figures);
  const rows = [
    plain('emulators, ours: tasks/s', shown(ours)),
    plain('emulators, bare pipeline: tasks/s', shown(bare)),
    against('emulators, ours over bare', shown(ratio, 2), '≥ 0.75', ratio.median >= 0.75),
  ];
  return { figures, rows };
}

/** In rounds of its own number: a start takes a tenth of a second, and wavers. */
async function coldStart({ scale }: PartOptions) {
  const figures = await measureColdStarts(scale < 1 ? 5 : 21);
  return { figures, rows: coldStartRows(figures) };
}

async function peers({ rounds, seconds, contenders }: PartOptions) {
  const figures = await measurePeers({ rounds, seconds, only: contenders });
  return { figures, rows: peerRows(figures) };
}

async function growth({ rounds, seconds, stored }: PartOptions) {
  const figures = await measureGrowth({ rounds, seconds, many: stored });
  return { figures, rows: [growthRow(figures)] };
}
