/**
 * What others ask, by their published prices, for running the same number of tasks: the orchestration alone, as none of them
 * includes the agent's own computer. Each is counted at the fewest steps that run one task and keep its result, so that the
 * comparison errs in their favour: no step for budgets, priorities or duplicates, none for a caller that reads the result.
 */

import type { Amount } from './bill.ts';
import type { Load } from './usage.ts';

export interface Peer {
  readonly name: string;
  readonly unit: string;
  /** Of one task that succeeds at its first attempt. */
  readonly units: (load: PeerLoad) => number;
  readonly why: string;
  readonly amount: (load: PeerLoad) => Amount;
  readonly read: string;
  readonly source: string;
}

export type PeerLoad = Pick<Load, 'tasks' | 'runMs' | 'callback'>;

/** Heartbeats are sent at four fifths of their timeout; with one of a minute a lost worker is noticed as soon as here. */
const HEARTBEAT_MS = 48_000;

const callbacks = ({ callback }: PeerLoad): number => (callback ? 1 : 0);
const heartbeats = ({ runMs }: PeerLoad): number => Math.max(0, Math.ceil(runMs / HEARTBEAT_MS) - 1);

export const PEERS: readonly Peer[] = [
  {
    name: 'Step Functions',
    unit: 'state transitions',
    units: (load) => 2 + callbacks(load),
    why: 'the run, and the end that keeps its result; a callback is one more. Standard workflows in us-east-1: Express ones cost less, may run twice and keep nothing',
    amount: (load) => metered(load, 2 + callbacks(load), 25, 4_000),
    read: '2026-03, quoted by others; an older copy of the page says the same',
    source: 'https://aws.amazon.com/step-functions/pricing/',
  },
  {
    name: 'Temporal Cloud',
    unit: 'actions',
    units: (load) => 2 + callbacks(load) + heartbeats(load),
    why: 'the start of a workflow and its one activity; a callback is another activity, and a run of more than 48 s sends heartbeats. The cheaper of the plans Developer and Business, without the storage of histories; above 200 million actions at the last published price',
    amount: (load) => temporal(load.tasks * (2 + callbacks(load) + heartbeats(load))),
    read: '2026, from the documentation’s repository',
    source: 'https://docs.temporal.io/cloud/pricing',
  },
  {
    name: 'Google Workflows',
    unit: 'steps',
    units: (load) => 2 + callbacks(load),
    why: 'two internal steps, the call of the agent on Cloud Run and the return of its result; a callback is an external one',
    amount: (load) => {
      const inside = metered(load, 2, 10, 5_000);
      const outside = metered(load, callbacks(load), 25, 2_000);
      return { list: inside.list + outside.list, afterFree: inside.afterFree + outside.afterFree };
    },
    read: '2026, quoted by others; the free steps from an older copy of the page',
    source: 'https://cloud.google.com/workflows/pricing',
  },
];

function metered({ tasks }: PeerLoad, units: number, dollarsPerMillion: number, free: number): Amount {
  const quantity = tasks * units;
  return { list: (quantity * dollarsPerMillion) / 1e6, afterFree: (Math.max(0, quantity - free) * dollarsPerMillion) / 1e6 };
}

/** Dollars per million, up to so many million. */
const TIERS = [
  [5, 50],
  [10, 45],
  [20, 40],
  [50, 35],
  [100, 30],
  [Infinity, 25],
] as const;
const BUSINESS = { includedMillions: 2.5, dollars: 500 } as const;
const PLAN_SHARE = 0.1;

/** Developer: one price, and a tenth on top. Business: volume prices above what is included, and a tenth or $500, whichever is more. */
function temporal(actions: number): Amount {
  const millions = actions / 1e6;
  const developer = millions * TIERS[0][1] * (1 + PLAN_SHARE);
  const charged = Math.max(0, millions - BUSINESS.includedMillions);
  let from = 0;
  let used = 0;
  for (const [to, dollars] of TIERS) {
    used += Math.max(0, Math.min(charged, to) - from) * dollars;
    from = to;
  }
  const least = Math.min(developer, used + Math.max(BUSINESS.dollars, used * PLAN_SHARE));
  return { list: least, afterFree: least };
}
