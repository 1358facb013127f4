/**
 * What a waiting task does next: it is queued once all that it waits for has succeeded and its `notBefore` has come, and ends as
 * cancelled once something that it waits for has ended otherwise. Asked by the ends of its dependencies, and by the sweeper.
 */

import type { Closers } from './close.ts';
import { closing } from './closing.ts';
import type { Failed } from './dependencies.ts';
import { publishOrLeave, runMessage } from './run-message.ts';
import type { Runtime } from './runtime.ts';
import { type Decision, decideAndWrite, readTask } from './store.ts';
import { isEnded, type Known, type Task, type TaskCore, type TaskError } from './task.ts';

/** As many dependencies are read at once; one that has not ended makes the rest unneeded. */
const READ_AT_ONCE = 10;

/** `released`: queued, and published; `waiting` on; `cancelled`, with follow-ups to be done; `moved`: it no longer waits. */
export type Proceeded = { readonly kind: 'released' | 'cancelled'; readonly known: Known } | { readonly kind: 'waiting' | 'moved' };

/** Has a task that waits go on, as far as it can. `ended` is a dependency that is known to have ended. `by` is for the timeline. */
export async function proceed(runtime: Closers, known: Known<Task>, by: string, ended?: Known): Promise<Proceeded> {
  const seen = await look(runtime, known.task.waitingFor ?? [], ended);
  const decide = (current: Known): Decision<Proceeded> => decideNext(runtime, current, seen, by);
  const next = await decideAndWrite<Proceeded>(runtime, known.id, known, decide, { kind: 'moved' });
  if (next.kind === 'released') await publishOrLeave(runtime, runMessage(next.known, known.task));
  return next;
}

/** When a waiting task is to be looked at: when its time comes, and every few minutes, so that a lost release is found. */
export function wakeOf(
  runtime: Pick<Runtime, 'clock' | 'settings'>,
  { notBefore, ttl }: Pick<TaskCore, 'notBefore' | 'ttl'>,
): number {
  const now = runtime.clock.now();
  const its = notBefore !== undefined && notBefore > now ? notBefore : Number.POSITIVE_INFINITY;
  return Math.min(its, now + runtime.settings.times.waitingMaximumMs, ttl * 1000);
}

/** Why a task ends that waited for another. */
export const dependencyFailed = ({ id, status }: Failed): TaskError => ({
  code: 'dependency_failed',
  message:
    status === undefined
      ? `Task ${id}, for which it waited, is no longer there, so it cannot be told how it ended.`
      : `Task ${id}, for which it waited, ended as ${status}.`,
});

function decideNext(runtime: Closers, { task }: Known, { succeeded, failed }: Seen, by: string): Decision<Proceeded> {
  if (task.status !== 'waiting') return { answer: { kind: 'moved' } };
  const before = task.waitingFor ?? [];
  if (failed !== undefined && before.includes(failed.id)) {
    const change = closing(runtime, task, { status: 'cancelled', error: dependencyFailed(failed), by }, undefined);
    return { change, gives: (known) => ({ kind: 'cancelled', known }) };
  }
  const now = runtime.clock.now();
  const left = before.filter((id) => !succeeded.has(id));
  if (left.length === 0 && (task.notBefore ?? 0) <= now) {
    const wakeAt = Math.min(now + runtime.settings.times.republishMs, task.ttl * 1000);
    const set = { status: 'queued', wakeAt } as const;
    return {
      change: { set, remove: ['waitingFor'], event: { event: 'queued', by } },
      gives: (known) => ({ kind: 'released', known }),
    };
  }
  if (left.length === before.length && (task.wakeAt ?? 0) > now) return { answer: { kind: 'waiting' } };
  const set = { wakeAt: wakeOf(runtime, task) };
  const change = left.length === 0 ? { set, remove: ['waitingFor'] as const } : { set: { ...set, waitingFor: left } };
  return { change, gives: () => ({ kind: 'waiting' }) };
}

/** What is known of dependencies: some that have succeeded, and one that ended otherwise. */
interface Seen {
  readonly succeeded: ReadonlySet<string>;
  readonly failed?: Failed;
}

/** Looks at the last ones first, since what is named first most often ends first; the first that still runs ends the search. */
async function look(runtime: Closers, ids: readonly string[], ended: Known | undefined): Promise<Seen> {
  const succeeded = new Set<string>();
  if (ended !== undefined && ended.task.status !== 'succeeded') {
    return { succeeded, failed: { id: ended.id, status: ended.task.status } };
  }
  if (ended !== undefined) succeeded.add(ended.id);
  const unread = ids.filter((id) => id !== ended?.id);
  while (unread.length > 0) {
    const batch = unread.splice(-READ_AT_ONCE);
    const found = await Promise.all(batch.map(async (id) => ({ id, status: (await readTask(runtime, id))?.task.status })));
    for (const { id, status } of found) if (status === 'succeeded') succeeded.add(id);
    const failed = found.find(({ status }) => status === undefined || (isEnded(status) && status !== 'succeeded'));
    if (failed !== undefined) return { succeeded, failed };
    if (found.some(({ status }) => status !== 'succeeded')) break;
  }
  return { succeeded };
}
