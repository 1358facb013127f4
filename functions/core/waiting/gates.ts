/** What others decide about a gate: a task's backup is there, or has failed. */

import type { Closers } from '../close.ts';
import { closing } from '../closing.ts';
import { followUp } from '../follow-ups.ts';
import { type Decision, decideAndWrite, readTask } from '../store.ts';
import type { Known, TaskCore, TaskError } from '../task.ts';
import { BACKUP, stillWaitingFor } from './gate-names.ts';
import { proceed } from './waiting.ts';

/** Whether what was decided counted, and what is known of the task since. It does not where the task no longer waits for it. */
export type Decided = { readonly kind: 'counted'; readonly known: Known } | { readonly kind: 'moved' };

/**
 * A task's backup is finished and verified: it goes on. `known` is the task as it was when the backup was begun: one that has given
 * its project up since, and taken it again, needs another, since others may have changed the project between.
 */
export async function gatePassed(
  runtime: Closers,
  known: Known,
  gate: typeof BACKUP,
  { set }: { readonly set: { readonly backupId: string } },
): Promise<Decided> {
  const decided = await decide(runtime, known, gate, ({ task }) => {
    const still = stillWaitingFor((task.waitingFor ?? []).filter((name) => name !== gate));
    return {
      set: { ...set, ...still.set },
      remove: ['wakeDelayMs', ...(still.remove ?? [])],
      event: { event: 'backed_up', backupId: set.backupId },
    };
  });
  const found = await readTask(runtime, known.id);
  // Also where it had counted before, and nothing came of it.
  if (found?.task.status === 'waiting' && !found.task.waitingFor?.includes(gate)) await proceed(runtime, found, 'backups');
  return decided;
}

/** A task's backup has failed: so has the task, and its agent never hears of it. */
export async function gateFailed(runtime: Closers, known: Known, error: TaskError): Promise<Decided> {
  const decided = await decide(runtime, known, BACKUP, (current) =>
    closing(runtime, current, { status: 'failed', error, by: 'backups' }, undefined),
  );
  if (decided.kind === 'counted') await followUp(runtime, decided.known);
  return decided;
}

function decide(
  runtime: Closers,
  { id, task: begun }: Known,
  gate: string,
  change: (current: Known) => ReturnType<typeof closing>,
): Promise<Decided> {
  const decision = (current: Known): Decision<Decided> => {
    if (!waitsAt(current.task, gate) || current.task.lockedAt !== begun.lockedAt) return { answer: { kind: 'moved' } };
    return { change: change(current), gives: (known) => ({ kind: 'counted', known }) };
  };
  return decideAndWrite<Decided>(runtime, id, undefined, decision, { kind: 'moved' });
}

const waitsAt = ({ status, waitingFor }: TaskCore, gate: string): boolean => status === 'waiting' && waitingFor?.[0] === gate;
