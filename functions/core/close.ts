/**
 * How a task ends. `closing()` alone makes terminal states, whether written here, by a claim that comes too late or by a
 * cancellation; the same write settles what the attempts cost and sets what must follow.
 */

import { overrun, settled } from './charges.ts';
import { followUp } from './follow-ups.ts';
import type { Runtime } from './runtime.ts';
import { canSettle } from './settle-budgets.ts';
import { type Change, type Decision, decideAndWrite } from './store.ts';
import { type EndStatus, type FollowUp, isEnded, type Known, type Reference, type TaskCore, type TaskError } from './task.ts';

export type Closers = Pick<Runtime, 'documents' | 'signing' | 'clock' | 'ids' | 'settings' | 'messages' | 'log'>;

/** How a task ends. `costMicros` is what the attempt reports; without it the attempt is settled at its quote. */
export interface End {
  readonly status: EndStatus;
  readonly result?: unknown;
  readonly resultRef?: Reference;
  readonly error?: TaskError;
  readonly costMicros?: number;
  /** When the run ended, by the agent's clock: one that ended after the ttl has expired, whatever it brought. */
  readonly endedAt?: number;
  /** Who ended it, for the timeline. */
  readonly by?: string;
}

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
  return { change: closing(runtime, task, timely, epoch), gives: (closed) => ({ kind: 'closed', known: closed }) };
}

/** What ends the task: its last state, the charges, the follow-ups and when the record may go. */
export function closing(runtime: Closers, task: TaskCore, end: End, epoch: number | undefined): Change {
  const now = runtime.clock.now();
  const pending: FollowUp[] = [
    ...(task.callbackUrl === undefined ? [] : (['callback'] as const)),
    ...(canSettle(task) ? (['budget'] as const) : []),
  ];
  const charges = task.charges.map((charge) => settled(charge, charge.epoch === epoch ? end.costMicros : undefined));
  const error = reasonOf(end);
  return {
    set: {
      status: end.status,
      charges,
      finishedAt: now,
      expireAt: now + runtime.settings.times.retentionMs,
      ...(epoch === undefined ? {} : { closedEpoch: epoch }),
      ...(end.resultRef ? { resultRef: end.resultRef } : end.status === 'succeeded' ? { result: end.result ?? null } : {}),
      ...(error ? { error } : {}),
      ...(pending.length > 0 ? { pending, wakeAt: now + runtime.settings.times.republishMs } : {}),
    },
    remove: [
      'leasedAt',
      'leaseMs',
      'retryAt',
      'wakeDelayMs',
      'cancelRequested',
      'parked',
      ...(pending.length > 0 ? [] : (['wakeAt'] as const)),
    ],
    event: {
      event: end.status,
      ...(epoch === undefined ? {} : { epoch }),
      ...(error ? { code: error.code } : {}),
      ...overrun(runtime, task, epoch, end.costMicros),
      ...(end.by ? { by: end.by } : {}),
    },
  };
}

/** Why a task did not succeed: every one that ended says so, also where its agent did not. */
function reasonOf({ status, error }: End): TaskError | undefined {
  if (status === 'succeeded') return undefined;
  return error ?? { code: status === 'expired' ? 'ttl_expired' : status, message: 'The agent gave no reason.' };
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
