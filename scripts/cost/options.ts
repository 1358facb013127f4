/** The command line of `npm run cost`. */

import { parseArgs } from 'node:util';
import type { Topology } from '../../functions/topology.ts';
import { REGIONS } from '../../infra/regions.ts';
import { AGENTS, MODES } from './operations.ts';
import { MULTI_REGIONS } from './prices.ts';
import type { Load } from './usage.ts';

export const HELP = `npm run cost -- [flags]: dollars a month for a number of tasks, by service, beside what others ask
  --tasks=1000000         tasks a month; any number like 250000 or 1e6
  --payload-kib=4         JSON of a task's payload, and of its result; above 256 KiB it goes to Cloud Storage
  --result-kib=4
  --run-ms=1000           how long the agent runs
  --mode=pubsub           or http: dispatch waits for the agent
  --agents=light          or codex: an agent of your own, which reaches the store through dispatch
  --callback              each task has a callbackUrl
  --budget                a limit of the day binds each task
  --reads=1               GET /task/{id} per task; 0 in mode http, whose reply has the result
  --waits=0               GET /task/{id}?waitSeconds=30 per task
  --region=us-central1    of the functions
  --database-location     of Firestore; by default the region
  --backup-days=14        how long daily backups are kept
  --minimum-instances=dispatch=1,…
  --alerts                somebody is told of trouble (alertEmails)
  --balancer              the load balancer with Cloud Armor
  --no-free-tier          at list prices alone
  --prices                the price list, with the source and date of each price
  --json                  everything, for programs
  --markdown              the README's tables: the usual numbers of tasks, and what stands there without any`;

export interface Options {
  readonly load: Load;
  readonly freeTier: boolean;
  readonly show: 'help' | 'text' | 'json' | 'markdown' | 'prices';
}

/** What is wrong with a command line: every bad flag, one line each. */
export class BadFlags extends Error {}

const text = { type: 'string' } as const;
const flag = { type: 'boolean', default: false } as const;
export const FLAGS = {
  ...{ tasks: text, 'payload-kib': text, 'result-kib': text, 'run-ms': text, mode: text, agents: text, reads: text, waits: text },
  ...{ region: text, 'database-location': text, 'backup-days': text, 'minimum-instances': text },
  ...{ callback: flag, budget: flag, alerts: flag, balancer: flag, 'no-free-tier': flag },
  ...{ help: flag, json: flag, markdown: flag, prices: flag },
} as const;

/** Reads the command line. Throws `BadFlags` that names each bad flag. */
export function readOptions(args: readonly string[], topology: Topology): Options {
  const values = parsed(args);
  const problems: string[] = [];
  const number = (name: keyof typeof values, fallback: number, limits: { most: number; whole?: boolean }): number => {
    const given = values[name];
    if (given === undefined) return fallback;
    const value = String(given).trim() === '' ? Number.NaN : Number(given);
    if (value >= 0 && value <= limits.most && (!limits.whole || Number.isInteger(value))) return value;
    problems.push(`--${name} is a ${limits.whole ? 'whole ' : ''}number from 0 to ${limits.most}, not '${given}'.`);
    return fallback;
  };
  const oneOf = <T extends string>(name: keyof typeof values, allowed: readonly T[], fallback: T): T => {
    const given = values[name];
    const found = given === undefined ? fallback : allowed.find((one) => one === given);
    if (found === undefined) problems.push(`--${name} is one of ${allowed.join(', ')}, not '${given}'.`);
    return found ?? fallback;
  };

  const mode = oneOf('mode', MODES, 'pubsub');
  const region = oneOf('region', REGIONS, 'us-central1');
  const load: Load = {
    place: { region, databaseLocation: oneOf('database-location', [...MULTI_REGIONS, ...REGIONS], region) },
    tasks: number('tasks', 1_000_000, { most: 1e12, whole: true }),
    payloadBytes: Math.max(2, number('payload-kib', 4, { most: 30 * 1024 }) * 1024),
    resultBytes: Math.max(2, number('result-kib', 4, { most: 30 * 1024 }) * 1024),
    runMs: number('run-ms', 1_000, { most: 540_000 }),
    mode,
    agent: oneOf('agents', AGENTS, 'light'),
    callback: values.callback,
    budget: values.budget,
    reads: number('reads', mode === 'http' ? 0 : 1, { most: 1_000 }),
    waits: number('waits', 0, { most: 1_000 }),
    alerts: values.alerts,
    balancer: values.balancer,
    backupRetentionDays: number('backup-days', 14, { most: 98, whole: true }),
    minimumInstances: minimumInstances(values['minimum-instances'], topology, problems),
  };
  if (problems.length > 0) throw new BadFlags(problems.join('\n'));
  const shown = (['help', 'json', 'markdown', 'prices'] as const).filter((name) => values[name]);
  if (shown.length > 1) throw new BadFlags(`Choose one of ${shown.map((name) => `--${name}`).join(', ')}.`);
  return { load, freeTier: !values['no-free-tier'], show: shown[0] ?? 'text' };
}

function parsed(args: readonly string[]) {
  try {
    return parseArgs({ args: [...args], options: FLAGS }).values;
  } catch (error) {
    throw new BadFlags((error as Error).message, { cause: error });
  }
}

function minimumInstances(given: string | undefined, topology: Topology, problems: string[]): Record<string, number> {
  const names = Object.keys(topology.functions);
  const pairs = (given ?? '').split(',').filter((pair) => pair !== '');
  return Object.fromEntries(
    pairs.flatMap((pair) => {
      const [, name = '', count = ''] = /^([a-z-]+)=([1-9]\d?|100)$/.exec(pair) ?? [];
      if (names.includes(name)) return [[name, Number(count)]];
      problems.push(`--minimum-instances is like dispatch=1, for ${names.join(', ')} and from 1 to 100, not '${pair}'.`);
      return [];
    }),
  );
}
