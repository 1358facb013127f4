/**
 * The change that ends a task: it alone makes terminal states, whether an outcome closes the task, a claim that comes too late, a
 * cancellation, or a dependency. The same write settles what the attempts cost and sets what must follow.
 */

import { overrun, settled } from './budgets/charges.ts';
import { canSettle } from './budgets/settle-budgets.ts';
import type { Runtime } from './runtime.ts';
import type { Change } from './store.ts';
import type { EndStatus, FollowUp, Known, Reference, TaskCore, TaskError } from './task.ts';
import { APPROVAL } from './waiting/gate-names.ts';
import { leaveLine } from './waiting/line.ts';

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

/** What ends the task: its last state, the charges, the follow-ups and when the record may go. */
export function closing(
  runtime: Pick<Runtime, 'clock' | 'settings' | 'log'>,
  known: Known,
  end: End,
  epoch: number | undefined,
): Change {
  const { task } = known;
  const now = runtime.clock.now();
  const pending: FollowUp[] = [
    ...(task.callbackUrl === undefined ? [] : (['callback'] as const)),
    ...(canSettle(task) ? (['budget'] as const) : []),
    ...(task.hasDependents ? (['dependents'] as const) : []),
    ...(task.took?.length ? (['release'] as const) : []),
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
      'handOver',
      'waitingFor',
      'standing',
      ...(pending.length > 0 ? [] : (['wakeAt'] as const)),
    ],
    event: {
      event: end.status,
      ...(epoch === undefined ? {} : { epoch }),
      ...(error ? { code: error.code } : {}),
      ...overrun(runtime, task, epoch, end.costMicros),
      ...(end.by ? { by: end.by } : {}),
    },
    also: linesOf(task).map((gate) => leaveLine(known, gate)),
  };
}

/** The lines in which it stands. */
const linesOf = ({ waitingFor, standing }: TaskCore): readonly string[] => [
  ...(waitingFor?.includes(APPROVAL) ? [APPROVAL] : []),
  ...(standing === undefined ? [] : [standing]),
];

/** Why a task did not succeed: every one that ended says so, also where its agent did not. */
function reasonOf({ status, error }: End): TaskError | undefined {
  if (status === 'succeeded') return undefined;
  return error ?? { code: status === 'expired' ? 'ttl_expired' : status, message: 'The agent gave no reason.' };
}
