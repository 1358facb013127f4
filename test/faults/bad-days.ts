/** What goes wrong, by name: each while a load is posted and run, and all of them at any size. */

import assert from 'node:assert/strict';
import { setTimeout as pause } from 'node:timers/promises';
import { functionNames } from '../../emulator-bridge/local-stack.ts';
import { until } from '../support/folder.ts';
import { checkAccounts, type Expected, type Figures } from './accounts.ts';
import type { FaultyStack } from './faulty-stack.ts';
import { type Load, load } from './load.ts';

export interface BadDay {
  readonly name: string;
  /** Begins it. It lasts until every task has ended, if nothing ends it before. */
  begin(stack: FaultyStack): void;
  /** Goes on while the load is posted, `scale` times as long as in the small form. */
  readonly meanwhile?: (stack: FaultyStack, scale: number, posted: AbortSignal) => Promise<void>;
  readonly agentMs?: () => number;
  readonly expected?: Expected;
  /** What shows that it was felt. */
  felt(traces: Traces): boolean;
}

/** What it has left behind, beside the tasks. */
interface Traces {
  /** Deliveries that were duplicated, late or not acknowledged. */
  readonly struck: number;
  readonly nacked: number;
  readonly resets: number;
  readonly deadLettered: number;
  readonly figures: Figures;
}

/** The lease is 2 s and the grace 1 s: by then the sweeper has taken the task back. */
const PAST_THE_LEASE_MS = 3_600;
const OUTAGE_MS = 1_000;
const SKEW_MS = 30_000;

export const badDays = {
  duplicates: {
    name: 'every delivery five times',
    begin: ({ faults }) => Object.assign(faults.deliveries, { copies: 5 }),
    felt: ({ struck, figures }) => struck > 4 * figures.tasks,
  },
  disorder: {
    name: 'deliveries out of order',
    begin: ({ faults }) => Object.assign(faults.deliveries, { shuffleMs: 400 }),
    felt: ({ figures }) => figures.p50 > 200,
  },
  delay: {
    name: 'deliveries later than the lease',
    begin: ({ faults }) => Object.assign(faults.deliveries, { late: { share: 0.1, ms: PAST_THE_LEASE_MS } }),
    felt: ({ struck, figures }) => struck > 0 && (figures.tasks < 1_000 || figures.repeats > 0),
  },
  lostAcks: {
    name: 'lost acknowledgements',
    begin: ({ faults }) => Object.assign(faults.deliveries, { lostAcks: 0.3 }),
    felt: ({ struck, figures }) => struck > figures.tasks / 4,
  },
  resets: {
    name: 'connection resets',
    begin({ faults }) {
      // A request is two packets, one in each direction: of twenty requests, one is cut.
      for (const proxy of [...Object.values(faults.functions), faults.front]) proxy.resets = 0.025;
    },
    felt: ({ resets, figures }) => resets > figures.tasks / 25,
  },
  /** The agents first, and not for long: at three dead letters without a claim a task is dead by rights. Then the results. */
  unreachable: {
    name: 'functions unreachable, and every dead letter five times',
    begin: ({ faults }) => Object.assign(faults.deliveries, { copies: 5, of: isDeadLetters }),
    async meanwhile({ faults, local }, scale) {
      const seen = (name: string) => () => (local.counters()[name]?.acked ?? 0) > 0;
      await pause(40 * scale);
      for (const name of ['agent-light', 'codex']) faults.functions[name]?.down();
      await until(seen('sub-dead-tasks'), 30_000);
      for (const name of ['agent-light', 'codex']) faults.functions[name]?.up();
      faults.functions.results?.down();
      await until(seen('sub-dead-results'), 30_000);
      faults.functions.results?.up();
    },
    felt: ({ deadLettered }) => deadLettered > 0,
  },
  slowness: {
    name: 'slow functions and an agent slower than its lease',
    begin({ faults }) {
      for (const proxy of Object.values(faults.functions)) proxy.delayMs = () => (Math.random() < 0.1 ? 200 : 5);
    },
    agentMs: everyTwentieth(3_400),
    felt: ({ figures }) => figures.p99 > 3_400,
  },
  clocksOneWay: clocksOff('clocks half a minute off, one way', skewed(['dispatch', 'agent-light', 'callbacks'])),
  clocksOtherWay: clocksOff('clocks half a minute off, the other way', skewed(['results', 'dead-letters', 'sweeper', 'codex'])),
  keysUnreachable: {
    name: "the issuer's keys unreachable while new ones are needed",
    begin: () => {},
    async meanwhile({ faults, local }, scale) {
      await pause(100);
      faults.keys.down();
      await local.issuer.rotate();
      await pause(OUTAGE_MS * scale);
      faults.keys.up();
    },
    felt: ({ nacked }) => nacked > 0,
  },
  keyRotation: {
    name: 'keys that change under load',
    begin: () => {},
    async meanwhile({ local }, scale, posted) {
      for (let rotation = 0; rotation < 2 || !posted.aborted; rotation++) {
        await pause(150 * scale);
        await local.issuer.rotate();
      }
    },
    felt: ({ nacked }) => nacked > 0,
  },
  storeUnreachable: {
    name: 'the store unreachable',
    begin: () => {},
    async meanwhile({ faults }, scale) {
      await pause(60 * scale);
      faults.store.down();
      await pause(OUTAGE_MS * scale);
      faults.store.up();
    },
    expected: { someNeverRan: true },
    felt: ({ nacked }) => nacked > 0,
  },
} satisfies Record<string, BadDay>;

/** Several at once. */
export function together(...days: readonly BadDay[]): BadDay {
  return {
    name: days.map(({ name }) => name).join(', and '),
    begin(stack) {
      for (const day of days) day.begin(stack);
    },
    async meanwhile(stack, scale, posted) {
      await Promise.all(days.map((day) => day.meanwhile?.(stack, scale, posted)));
    },
    agentMs: () => Math.max(...days.map((day) => day.agentMs?.() ?? 0)),
    expected: Object.assign({}, ...days.map(({ expected }) => expected)),
    felt: (traces) => days.every((day) => day.felt(traces)),
  };
}

/** Late deliveries make the sweeper judge leases and retries by its own clock too. */
function clocksOff(name: string, skewMs: Readonly<Record<string, number>>): BadDay & { readonly skewMs: typeof skewMs } {
  return {
    name,
    skewMs,
    begin({ faults }) {
      Object.assign(faults.skewMs, skewMs);
      Object.assign(faults.deliveries, { late: { share: 0.05, ms: PAST_THE_LEASE_MS } });
    },
    felt: ({ figures }) => Math.abs(figures.p50) > SKEW_MS,
  };
}

/** Those that are named half a minute behind, the others half a minute ahead. */
function skewed(behind: readonly string[]): Readonly<Record<string, number>> {
  return Object.fromEntries(functionNames.map((name) => [name, behind.includes(name) ? -SKEW_MS : SKEW_MS]));
}

const isDeadLetters = (subscription: string): boolean => subscription.startsWith('sub-dead-');

function everyTwentieth(ms: number): () => number {
  let runs = 0;
  return () => {
    runs += 1;
    return runs % 20 === 0 ? ms : 0;
  };
}

export interface Endured {
  readonly load: Load;
  readonly figures: Figures;
}

/** Lets a load live through it, and checks the accounts. */
export async function endure(
  stack: FaultyStack,
  day: BadDay,
  { count, scale, withinMs }: { readonly count: number; readonly scale: number; readonly withinMs: number },
): Promise<Endured> {
  const name = `${day.name}, ${count}`;
  const given = load(() => stack, stack.agent, stack.receiver, { name, count, agentMs: day.agentMs });
  const posted = new AbortController();
  const before = tracesOf(stack);
  day.begin(stack);
  try {
    await Promise.all([given.post().finally(() => posted.abort()), day.meanwhile?.(stack, scale, posted.signal)]);
    await given.ended(withinMs);
  } finally {
    stack.faults.heal();
  }
  const figures = await checkAccounts(stack.signing, given, day.expected);
  const now = tracesOf(stack);
  const traces = { figures, ...now };
  for (const each of ['struck', 'nacked', 'resets', 'deadLettered'] as const) traces[each] -= before[each];
  assert.ok(day.felt(traces), `${name} was not felt: ${JSON.stringify(traces)}`);
  return { load: given, figures };
}

function tracesOf({ faults, local }: FaultyStack): Record<'struck' | 'nacked' | 'resets' | 'deadLettered', number> {
  const sum = (numbers: readonly number[]): number => numbers.reduce((total, each) => total + each, 0);
  const byName = local.counters();
  const counters = Object.values(byName);
  return {
    deadLettered: sum(Object.keys(byName).map((name) => (isDeadLetters(name) ? (byName[name]?.acked ?? 0) : 0))),
    struck: faults.deliveries.struck,
    nacked: sum(counters.map(({ nacked }) => nacked)),
    resets: sum([...Object.values(faults.functions), faults.front].map(({ counts }) => counts.resets)),
  };
}

/** Waits until nothing is held back and nothing has been delivered for longer than any backoff lasts. */
export async function quiet({ local, faults }: FaultyStack, quietMs: number, withinMs = 60_000): Promise<void> {
  const end = Date.now() + withinMs;
  for (let before = -1; ; ) {
    const counters = Object.values(local.counters());
    const delivered = counters.reduce((sum, each) => sum + each.delivered, 0);
    const idle = faults.deliveries.held === 0 && counters.every(({ inFlight }) => inFlight === 0);
    if (idle && delivered === before) return;
    if (Date.now() > end) throw new Error(`deliveries go on: ${JSON.stringify(local.counters())}`);
    before = delivered;
    await pause(quietMs);
  }
}
