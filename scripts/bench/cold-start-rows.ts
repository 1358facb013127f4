import type { Against, ColdStartFigures } from './cold-start.ts';
import { ratios, shown, spread } from './rounds.ts';
import { against, plain, type Row } from './rows.ts';

const GOAL = 1.3;

/** The time of ours in milliseconds, and its ratio to theirs, round by round. */
export function coldStartRows({ health, first, bundles }: ColdStartFigures): Row[] {
  const requests = Object.entries(first).flatMap(([name, figures]) =>
    typeof figures === 'string'
      ? [against(`${name}, first request`, `not measured: ${figures}`, `≤ ${GOAL}`, false)]
      : rowsOf(`${name}, first request`, figures, `bare: ${figures.calls}`),
  );
  return [
    ...Object.entries(health).flatMap(([name, figures]) => rowsOf(`${name}, /healthz`, figures, 'empty function')),
    ...requests,
    ...Object.entries(bundles).map(([name, { start, all }]) =>
      plain(`${name}: bundle, KiB at the start / in all`, sizes(start, all)),
    ),
  ];
}

function rowsOf(what: string, { ours, theirs, cached }: Against, yardstick: string): Row[] {
  const ratio = spread(ratios(ours, theirs));
  return [
    plain(`${what}: ms`, shown(spread(ours))),
    plain(`  ${yardstick}: ms`, shown(spread(theirs))),
    against('  ours over that', shown(ratio, 2), `≤ ${GOAL}`, ratio.median <= GOAL),
    plain('  ours over that with a compile cache, too', shown(spread(ratios(ours, cached)), 2)),
  ];
}

const sizes = (...bytes: number[]): string => bytes.map((each) => Math.round(each / 1024).toLocaleString('en')).join(' / ');
