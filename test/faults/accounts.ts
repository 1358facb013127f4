/** The accounts of a load that has ended: nothing lost, nothing doubled, everything paid for once. */

import assert from 'node:assert/strict';
import { brokenLink, type Signing, timelineStart } from '../../functions/core/signing.ts';
import type { Known, Task } from '../../functions/core/task.ts';
import { REMOTE_COST_CENTS, REMOTE_PRICE_CENTS } from './faulty-stack.ts';
import { DEAD_AFTER, type Kind, type Load } from './load.ts';

export interface Expected {
  /** Whether an attempt may have been claimed and never run: its function was killed, or the store did not answer. */
  readonly someNeverRan?: boolean;
  /** How often each dead task was redriven. */
  readonly redrives?: number;
}

/** What it came to, for people. Milliseconds from creation to end, by the clock of who wrote them. */
export interface Figures {
  readonly tasks: number;
  readonly perSecond: number;
  readonly p50: number;
  readonly p99: number;
  readonly longest: number;
  /** Attempts beyond the first of each task that did not die. */
  readonly repeats: number;
}

/** Compares everything stored with what has to be there. */
export async function checkAccounts(signing: Signing, load: Load, expected: Expected = {}): Promise<Figures> {
  const tasks = await load.stored();
  const ids = new Set(tasks.map(({ id }) => id));
  assert.deepEqual(
    [...load.accepted.keys()].filter((id) => !ids.has(id)),
    [],
    'accepted, and lost',
  );
  assert.deepEqual(
    [...ids].filter((id) => !load.accepted.has(id)),
    [],
    'tasks that nobody posted',
  );
  const runs = Map.groupBy(load.runs(), ({ taskId }) => taskId);
  assert.deepEqual(
    [...runs.keys()].filter((id) => !ids.has(id)),
    [],
    'runs without a task',
  );
  for (const known of tasks) {
    const kind = load.accepted.get(known.id) as Kind;
    const epochs = (runs.get(known.id) ?? []).map(({ epoch }) => epoch);
    try {
      checkEnd(known, kind, expected.redrives ?? 0);
      checkTimeline(signing, known);
      checkCharges(known, kind, epochs, expected);
    } catch (error) {
      throw new Error(`${load.name}: ${(error as Error).message}\nruns ${epochs}\n${JSON.stringify(known, undefined, 1)}`);
    }
  }
  checkCallbacks(load, tasks, expected.redrives ?? 0);
  return figuresOf(load, tasks);
}

function checkEnd({ task }: Known<Task>, kind: Kind, redrives: number): void {
  const code = kind.dies ? 'attempts_exhausted' : undefined;
  assert.deepEqual([task.status, task.error?.code], [kind.dies ? 'dead' : 'succeeded', code]);
  const left = ['leasedAt', 'leaseMs', 'parked', 'retryAt', 'pending', 'wakeAt', 'cancelRequested'].filter(
    (field) => field in task,
  );
  assert.deepEqual(left, [], 'fields of a life that is over');
  const ends = task.timeline.filter(({ event }) => ENDS.has(event));
  assert.equal(ends.length, 1 + (kind.dies ? redrives : 0), 'ends on the timeline');
  assert.equal(task.redrives, kind.dies ? redrives : 0);
  assert.equal(task.callback, kind.calledBack ? 'delivered' : undefined);
}

const ENDS: ReadonlySet<string> = new Set(['succeeded', 'failed', 'expired', 'cancelled', 'dead']);

function checkTimeline(signing: Signing, { id, task }: Known<Task>): void {
  assert.equal(brokenLink(signing, task.timeline, timelineStart(task.tenant, id)), -1, 'the chain is broken');
  assert.deepEqual(task.chain, { head: task.timeline.at(-1)?.hash, count: task.timeline.length });
}

function checkCharges({ task }: Known<Task>, kind: Kind, ran: readonly number[], { someNeverRan, redrives = 0 }: Expected): void {
  const charged = task.charges.map(({ epoch }) => epoch);
  const claims = task.timeline.filter(({ event }) => event === 'running').map(({ epoch }) => epoch);
  assert.deepEqual(charged, claims, 'one charge per attempt');
  assert.equal(new Set(charged).size, charged.length);
  for (const { costMicros, quoteMicros } of task.charges) assert.ok(costMicros !== undefined && costMicros <= quoteMicros);
  if (kind.dies) assert.equal(charged.length, DEAD_AFTER * (1 + redrives));
  if (kind.agent !== 'remote') return;
  assert.equal(new Set(ran).size, ran.length, 'an attempt that ran twice');
  const unpaid = ran.filter((epoch) => !charged.includes(epoch));
  assert.deepEqual(unpaid, [], 'an attempt that ran and was not charged');
  if (!someNeverRan) assert.deepEqual(new Set(charged), new Set(ran), 'an attempt that was charged and did not run');
  if (kind.dies) return;
  const result = task.result as { epoch: number };
  assert.ok(ran.includes(result.epoch), 'a result of a run that never was');
  assert.equal(task.closedEpoch, result.epoch);
  for (const { epoch, costMicros, reported } of task.charges) {
    if (epoch === result.epoch) assert.equal(reported, true);
    assert.equal(costMicros, (reported ? REMOTE_COST_CENTS : REMOTE_PRICE_CENTS) * 10_000);
  }
}

/** One id per end, and none of anything else. */
function checkCallbacks(load: Load, tasks: readonly Known<Task>[], redrives: number): void {
  const told = new Set(load.receiver.received.map(({ headers }) => String(headers['webhook-id'])));
  const wanted = new Set<string>();
  for (const { id } of tasks) {
    const kind = load.accepted.get(id);
    if (kind?.calledBack) wanted.add(id);
    if (kind?.calledBack && kind.dies) for (let n = 1; n <= redrives; n++) wanted.add(`${id}-${n}`);
  }
  assert.deepEqual(told, wanted, 'callbacks');
}

function figuresOf(load: Load, tasks: readonly Known<Task>[]): Figures {
  const took = tasks.map(({ task }) => (task.finishedAt ?? 0) - task.createdAt).sort((a, b) => a - b);
  const at = (share: number): number => took[Math.min(took.length - 1, Math.floor(took.length * share))] ?? 0;
  const first = Math.min(...tasks.map(({ task }) => task.createdAt));
  const last = Math.max(...tasks.map(({ task }) => task.finishedAt ?? 0));
  const repeats = tasks.reduce((sum, { id, task }) => sum + (load.accepted.get(id)?.dies ? 0 : task.charges.length - 1), 0);
  return {
    tasks: tasks.length,
    perSecond: (tasks.length / Math.max(1, last - first)) * 1000,
    p50: at(0.5),
    p99: at(0.99),
    longest: took.at(-1) ?? 0,
    repeats,
  };
}

/** One line to print. */
export const shown = ({ tasks, perSecond, p50, p99, repeats }: Figures): string =>
  `${tasks} tasks, ${Math.round(perSecond)}/s, p50 ${p50} ms, p99 ${p99} ms, ${repeats} attempts repeated`;
