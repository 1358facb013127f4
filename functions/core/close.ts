/** Ending a task: with an attempt's outcome, without one, and what a report is worth that comes after the end. */

import { overrun, settled } from './budgets/charges.ts';
import { canSettle } from './budgets/settle-budgets.ts';
import { closing, type End } from './closing.ts';
import { followUp } from './follow-ups.ts';
import type { Runtime } from './runtime.ts';
import { type Change, type Decision, decideAndWrite } from './store.ts';
import { type FollowUp, isEnded, type Known, type TaskCore } from './task.ts';

/** What ends a task needs all that those need who go on by it. */
export type Closers = Pick<
  Runtime,
  'documents' | 'control' | 'signing' | 'clock' | 'ids' | 'settings' | 'messages' | 'agents' | 'log'
>;

/**
 * `closed` by this call; `repeated`: the same epoch had closed it; `settled`: it had ended otherwise, this attempt's cost was
 * noted; `dropped`: a failure of an attempt that is no longer the current one; `absent`: no such task.
 */
export type Closed =
  | { readonly kind: 'closed' | 'repeated' | 'settled' | 'dropped'; readonly known: Known }
  | { readonly kind: 'absent' };

/**
 * Ends a task with an attempt's outcome (`epoch`), or without one (the sweeper, a cancellation: no epoch), and does what
 * follows. `known` spares the read when its version still stands.
 */
export async function close(runtime: Closers, id: string, end: End, epoch?: number, known?: Known): Promise<Closed> {
  const closed = await decideAndWrite<Closed>(runtime, id, known, (current) => decideClose(runtime, current, end, epoch), {
    kind: 'absent',
  });
  if (closed.kind !== 'absent') await followUp(runtime, closed.known);
  return closed;
}

/**
 * Ends a task that is queued, and is known as that, because nobody can run it. One that has gone its way since (it was claimed, or
 * waits because it is paused) is left to it.
 */
export async function closeQueued(runtime: Closers, end: End, known: Known): Promise<void> {
  const { epoch } = known.task;
  const decide = (current: Known): Decision<Known | undefined> => {
    // Whoever ended it may not have done what follows.
    if (isEnded(current.task.status)) return { answer: current };
    if (current.task.status !== 'queued' || current.task.epoch !== epoch) return { answer: undefined };
    return { change: closing(runtime, current, end, epoch), gives: (closed) => closed };
  };
  const ended = await decideAndWrite(runtime, known.id, known, decide, undefined);
  if (ended !== undefined) await followUp(runtime, ended);
}

function decideClose(runtime: Closers, known: Known, end: End, epoch: number | undefined): Decision<Closed> {
  const { task } = known;
  if (isEnded(task.status)) {
    if (epoch === undefined) return { answer: { kind: 'repeated', known } };
    const late = settle(runtime, known, end, epoch, 'settled');
    // What others closed in the name of this epoch (a lost lease) may still get its report.
    return 'answer' in late && task.closedEpoch === epoch ? { answer: { kind: 'repeated', known } } : late;
  }
  const timely = inTime(task, end);
  if (epoch !== undefined && epoch < task.epoch && timely.status !== 'succeeded')
    return settle(runtime, known, end, epoch, 'dropped');
  return { change: closing(runtime, known, timely, epoch), gives: (closed) => ({ kind: 'closed', known: closed }) };
}

/** Notes what an attempt that no longer counts has cost, and changes nothing else. */
export async function settleLate(runtime: Closers, id: string, costMicros: number, epoch: number): Promise<Closed> {
  const end: End = { status: 'failed', costMicros };
  const settled = await decideAndWrite<Closed>(runtime, id, undefined, (known) => settle(runtime, known, end, epoch, 'dropped'), {
    kind: 'absent',
  });
  if (settled.kind !== 'absent') await followUp(runtime, settled.known);
  return settled;
}

/** A late report may lower its attempt's charge, once, and changes nothing else. */
function settle(runtime: Closers, known: Known, end: End, epoch: number, kind: 'settled' | 'dropped'): Decision<Closed> {
  const { task } = known;
  const charge = task.charges.find((candidate) => candidate.epoch === epoch);
  if (charge === undefined || charge.reported || end.costMicros === undefined) return { answer: { kind, known } };
  const charges = task.charges.map((candidate) => (candidate === charge ? settled(charge, end.costMicros) : candidate));
  runtime.log.info({ taskId: known.id, epoch }, 'A late report settled its attempt.');
  const event = { event: 'settled', epoch, ...overrun(runtime, task, epoch, end.costMicros) };
  return { change: { set: { charges, ...booking(runtime, task, epoch) }, event }, gives: (written) => ({ kind, known: written }) };
}

/** What budgets were told of an ended task's cost is then to be told anew. */
function booking(runtime: Closers, task: TaskCore, epoch: number): Change['set'] {
  if (!isEnded(task.status) || epoch <= task.budgetFromEpoch || !canSettle(task)) return {};
  const pending = [...new Set<FollowUp>([...(task.pending ?? []), 'budget'])];
  return { pending, wakeAt: runtime.clock.now() + runtime.settings.times.republishMs };
}

/** An outcome whose run ended after the ttl is no outcome: the task has expired. */
function inTime(task: TaskCore, end: End): End {
  if (end.endedAt === undefined || end.endedAt <= task.ttl * 1000 || end.status === 'expired') return end;
  const error = { code: 'ttl_expired', message: 'The run ended after the time limit of the task.' };
  return { status: 'expired', error, costMicros: end.costMicros, by: end.by };
}
