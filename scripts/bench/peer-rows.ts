/** What the peers' figures say: each one's own, and ours over theirs, within each round. */

import type { GrowthFigures } from './growth.ts';
import type { PeerFigures, Turn } from './peers.ts';
import { ratios, type Spread, shown, spread } from './rounds.ts';
import { against, plain, type Row } from './rows.ts';

/** How the contenders are shown. */
export const NAMES: Readonly<Record<string, string>> = {
  embedded: 'Heliograph, embedded',
  restate: 'Restate',
  bullmq: 'BullMQ on Redis, fsync always',
  pgBoss: 'pg-boss on PostgreSQL',
  emulators: 'Heliograph, on emulators',
  bare: 'bare pipeline, on emulators',
};

/** Tasks per second of 32 clients; the median time of one client's tasks, in ms. */
export const MEASURES = {
  rate: { what: '32 clients: tasks/s', digits: 0, of: ({ many }: Turn) => many.perSecond },
  p50: { what: 'one at a time: p50 ms', digits: 2, of: ({ one }: Turn) => one.p50Ms },
} as const;

type Measure = keyof typeof MEASURES;

/** A ratio to reach, and the one that is asked for at the least (of a time: at the most). */
interface Goal {
  readonly of: string;
  readonly over: string;
  readonly measure: Measure;
  readonly goal?: number;
  readonly least?: number;
}

const RATIOS: readonly Goal[] = [
  { of: 'embedded', over: 'restate', measure: 'rate', goal: 3, least: 2 },
  { of: 'embedded', over: 'restate', measure: 'p50', goal: 0.4, least: 0.7 },
  { of: 'embedded', over: 'bullmq', measure: 'rate', goal: 1.3, least: 1 },
  { of: 'embedded', over: 'bullmq', measure: 'p50' },
  { of: 'embedded', over: 'pgBoss', measure: 'rate' },
  { of: 'embedded', over: 'pgBoss', measure: 'p50' },
  { of: 'emulators', over: 'bare', measure: 'rate' },
  { of: 'emulators', over: 'bare', measure: 'p50' },
];

/** A contender's median and range over the rounds; `undefined` when it was not there. */
export function measured({ turns }: Pick<PeerFigures, 'turns'>, name: string, measure: Measure): Spread | undefined {
  const own = turns[name] ?? [];
  return own.length === 0 ? undefined : spread(own.map(MEASURES[measure].of));
}

/** First what each did, then the ratios; who was not there is named. */
export function peerRows(figures: PeerFigures): Row[] {
  const own = Object.entries(NAMES).flatMap(([name, title]) =>
    (Object.keys(MEASURES) as Measure[]).flatMap((measure) => {
      const seen = measured(figures, name, measure);
      const { what, digits } = MEASURES[measure];
      return seen === undefined ? [] : [plain(`${title}, ${what}`, shown(seen, digits))];
    }),
  );
  const absent = Object.entries(figures.absent).map(([name, why]) =>
    against(NAMES[name] ?? name, `not measured: ${why}`, '', false),
  );
  return [...own, ...RATIOS.flatMap((goal) => ratioRow(figures, goal)), ...absent];
}

function ratioRow({ turns }: PeerFigures, { of, over, measure, goal, least }: Goal): Row[] {
  const [ours, theirs] = [turns[of] ?? [], turns[over] ?? []].map((own) => own.map(MEASURES[measure].of)) as [number[], number[]];
  if (ours.length === 0 || theirs.length === 0) return [];
  const ratio = spread(ratios(ours, theirs));
  const what = `${NAMES[of]} / ${NAMES[over]}, ${MEASURES[measure].what}`;
  if (goal === undefined || least === undefined) return [plain(what, shown(ratio, 2))];
  const [sign, bound] = measure === 'rate' ? ['≥', 'at the least'] : ['≤', 'at the most'];
  const reaches = (wanted: number) => (measure === 'rate' ? ratio.median >= wanted : ratio.median <= wanted);
  const met = reaches(goal) ? 'yes' : reaches(least) ? 'least' : 'NO';
  return [{ what, seen: shown(ratio, 2), goal: `${sign} ${goal} (${bound} ${least})`, met }];
}

/** Whether a store with many tasks is as fast as one with few. */
export function growthRow({ few, many, ratio }: GrowthFigures): Row {
  const seen = spread(ratio);
  const what = `embedded with ${many.toLocaleString('en')} tasks stored / with ${few.toLocaleString('en')}: tasks/s`;
  return against(what, shown(seen, 2), '≥ 0.9', seen.median >= 0.9);
}
