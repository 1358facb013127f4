/**
 * `npm run bench`: what Heliograph does on this machine, as figures within one run. Writes them as JSON and prints a table with the
 * goals; `--peers` compares with others instead, and can draw that. `--help` lists the flags.
 */

import { writeFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { peersChart } from './bench/chart.ts';
import { type Machine, thisMachine } from './bench/machine.ts';
import { OWN_PARTS, PARTS, type PartName, PEER_PARTS } from './bench/parts.ts';
import { NAMES } from './bench/peer-rows.ts';
import type { Row } from './bench/rows.ts';

const HELP = `npm run bench -- [flags]
  --quick             a tenth of the tasks, and 5 rounds of cold starts for 21
  --only=NAME,…       some parts alone: ${Object.keys(PARTS).join(', ')}
  --peers             the parts ${PEER_PARTS.join(' and ')}: Restate, BullMQ and pg-boss beside Heliograph, and a million stored tasks
  --contenders=NAME,… of the peers only these: ${Object.keys(NAMES).join(', ')}
  --rounds=5          interleaved rounds
  --seconds=8         how long each turn among the peers lasts with 32 clients; with one client half as long
  --stored=1000000    how many tasks the large store holds
  --json=FILE         where the figures go; bench-results.json by default
  --svg=FILE          draws what the peers did`;

const text = { type: 'string' } as const;
const flag = { type: 'boolean', default: false } as const;
const { values } = parseArgs({
  options: {
    ...{ help: flag, quick: flag, peers: flag, only: text, contenders: text, svg: text },
    rounds: { ...text, default: '5' },
    seconds: { ...text, default: '8' },
    stored: { ...text, default: '1000000' },
    json: { ...text, default: 'bench-results.json' },
  },
});

// So that the exit handlers run, which end what was started and remove its folders.
for (const [signal, code] of [
  ['SIGINT', 130],
  ['SIGTERM', 143],
] as const)
  process.once(signal, () => process.exit(code));

if (values.help) console.log(HELP);
else await bench();

async function bench(): Promise<void> {
  const wanted: readonly string[] = values.only?.split(',') ?? (values.peers ? PEER_PARTS : OWN_PARTS);
  for (const name of wanted) if (!(name in PARTS)) throw new Error(`There is no part "${name}".\n${HELP}`);
  for (const name of listed() ?? []) if (!(name in NAMES)) throw new Error(`There is no contender "${name}".\n${HELP}`);
  if (values.svg !== undefined && !wanted.includes('peers')) throw new Error('--svg draws what the peers did: add --peers.');

  const results: Record<string, unknown> & { machine: Machine } = { machine: await thisMachine(), at: new Date().toISOString() };
  const rows: Row[] = [];
  for (const name of wanted as readonly PartName[]) {
    console.error(`Measuring: ${name} …`);
    const part = await PARTS[name]({
      scale: values.quick ? 0.1 : 1,
      rounds: positive('rounds'),
      seconds: positive('seconds'),
      stored: positive('stored'),
      contenders: listed(),
    });
    rows.push(...part.rows);
    results[name] = part.figures;
    await writeFile(values.json, `${JSON.stringify({ ...results, rows }, null, 2)}\n`);
  }
  if (values.svg !== undefined) await writeFile(values.svg, peersChart(results));
  console.table(rows.map(({ what, seen, goal, met }) => ({ what, 'seen: median (range)': seen, goal, met })));
}

function listed(): string[] | undefined {
  return values.contenders?.split(',');
}

function positive(name: 'rounds' | 'seconds' | 'stored'): number {
  const value = Number(values[name]);
  if (value > 0 && (name === 'seconds' || Number.isInteger(value))) return value;
  throw new Error(`--${name} has to be a positive number.`);
}
