import assert from 'node:assert/strict';
import { setTimeout as pause } from 'node:timers/promises';
import { checkAccounts, type Expected, type Figures } from './accounts.ts';
import { isDeadLetters } from './faulty-deliveries.ts';
import type { FaultyStack } from './faulty-stack.ts';
import { load } from './load.ts';

export interface BadDay {
  readonly name: string;
  /** Begins it. It lasts until every task has ended, if nothing ends it before. */
  begin(stack: FaultyStack): void;
  /** Goes on while the load is posted, `scale` times as long as in the small form. */
  readonly meanwhile?: (stack: FaultyStack, scale: number, posted: AbortSignal) => Promise<void>;
  /** Whether it needs a network between the bridge and the functions, where they could share a process. */
  readonly network?: true;
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

/** Lets a load live through it, and checks the accounts. */
export async function endure(
  stack: FaultyStack,
  day: BadDay,
  { count, scale, withinMs }: { readonly count: number; readonly scale: number; readonly withinMs: number },
): Promise<Figures> {
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
  // A task may have ended while another attempt of it still ran.
  await quiet(stack);
  const figures = await checkAccounts(stack.signing, given, day.expected);
  const now = tracesOf(stack);
  const traces = { figures, ...now };
  for (const each of ['struck', 'nacked', 'resets', 'deadLettered'] as const) traces[each] -= before[each];
  assert.ok(day.felt(traces), `${name} was not felt: ${JSON.stringify(traces)}`);
  return figures;
}

function tracesOf({ faults, local }: FaultyStack): Record<Exclude<keyof Traces, 'figures'>, number> {
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
export async function quiet({ local, faults }: FaultyStack, withinMs = 60_000): Promise<void> {
  const end = Date.now() + withinMs;
  for (let before = -1; ; ) {
    const counters = Object.values(local.counters());
    const delivered = counters.reduce((sum, each) => sum + each.delivered, 0);
    const idle = faults.deliveries.held === 0 && counters.every(({ inFlight }) => inFlight === 0);
    if (idle && delivered === before) return;
    if (Date.now() > end) throw new Error(`deliveries go on: ${JSON.stringify(local.counters())}`);
    before = delivered;
    await pause(QUIET_MS);
  }
}

/** Quick settings have a backoff of a second at most. */
const QUIET_MS = 1_200;
