/**
 * `npm run bench`: what Heliograph does on this machine, as figures within one run. `--quick` takes a tenth of the tasks,
 * `--only=counts|embedded|endurance|emulators` one part. Writes `bench-results.json` and prints a table with the goals.
 */

import { writeFile } from 'node:fs/promises';
import { cpus } from 'node:os';
import { countOperations } from './bench/counts.ts';
import { measureEmbedded, measureEndurance } from './bench/embedded.ts';
import { compareOnEmulators, summary } from './bench/emulators.ts';
import { shown, spread } from './bench/rounds.ts';

const scale = process.argv.includes('--quick') ? 0.1 : 1;
const only = process.argv.find((argument) => argument.startsWith('--only='))?.slice('--only='.length);

interface Row {
  readonly what: string;
  readonly seen: string;
  readonly goal: string;
  readonly met: boolean;
}

const PARTS: Readonly<Record<string, () => Promise<{ rows: Row[]; figures: unknown }>>> = {
  counts,
  embedded,
  endurance,
  emulators,
};

const results: Record<string, unknown> = {
  node: process.version,
  cpus: cpus().length,
  cpu: cpus()[0]?.model,
  at: new Date().toISOString(),
};
const rows: Row[] = [];
for (const [name, part] of Object.entries(PARTS)) {
  if (only !== undefined && only !== name) continue;
  console.error(`Measuring: ${name} …`);
  const { rows: partRows, figures } = await part();
  rows.push(...partRows);
  results[name] = figures;
}
await writeFile('bench-results.json', `${JSON.stringify({ ...results, rows }, null, 2)}\n`);
console.table(rows.map(({ what, seen, goal, met }) => ({ what, 'seen: median (range)': seen, goal, met: met ? 'yes' : 'NO' })));

async function counts() {
  const figures = await countOperations();
  const seen = `${figures.writes} writes, ${figures.reads} reads, ${figures.publishes} publishes`;
  const met = figures.writes === 3 && figures.reads === 0 && figures.publishes === 2;
  if (!met) process.exitCode = 1;
  return { figures, rows: [{ what: 'operations per task (pubsub)', seen, goal: '3 writes, 0 reads, 2 publishes', met }] };
}

async function embedded() {
  const figures = await measureEmbedded(5_000 * scale, 5);
  const rate = spread(figures.many.map(({ perSecond }) => perSecond));
  const p50 = spread(figures.one.map(({ p50Ms }) => p50Ms));
  const bareRate = spread(figures.bareMany.map(({ perSecond }) => perSecond));
  const bareP50 = spread(figures.bareOne.map(({ p50Ms }) => p50Ms));
  return {
    figures,
    rows: [
      { what: 'embedded, 32 clients: tasks/s', seen: shown(rate), goal: '≥ 1,500', met: rate.median >= 1_500 },
      { what: 'embedded, one at a time: p50 ms', seen: shown(p50, 2), goal: '≤ 3', met: p50.median <= 3 },
      { what: 'bare trial, 32 clients: tasks/s', seen: shown(bareRate), goal: '', met: true },
      { what: 'bare trial, one at a time: p50 ms', seen: shown(bareP50, 2), goal: '', met: true },
    ],
  };
}

async function endurance() {
  const figures = await measureEndurance(100_000 * scale);
  return {
    figures,
    rows: [
      {
        what: `embedded after ${figures.tasks} tasks: memory, MB`,
        seen: figures.memoryMb.toFixed(0),
        goal: '< 300',
        met: figures.memoryMb < 300,
      },
      {
        what: 'embedded: last tenth over first, tasks/s',
        seen: figures.lastOverFirst.toFixed(2),
        goal: '≥ 0.90',
        met: figures.lastOverFirst >= 0.9,
      },
    ],
  };
}

async function emulators() {
  const figures = await compareOnEmulators(3_000 * scale, 5).catch((error: Error) => ({ missing: error.message }));
  if ('missing' in figures)
    return { figures, rows: [{ what: 'emulators', seen: `not measured: ${figures.missing}`, goal: '', met: false }] };
  const { ours, bare, ratio } = summary(figures);
  return {
    figures,
    rows: [
      { what: 'emulators, ours: tasks/s', seen: shown(ours), goal: '', met: true },
      { what: 'emulators, bare pipeline: tasks/s', seen: shown(bare), goal: '', met: true },
      { what: 'emulators, ours over bare', seen: shown(ratio, 2), goal: '≥ 0.75', met: ratio.median >= 0.75 },
    ],
  };
}
