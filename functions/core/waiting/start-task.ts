/** A task's start: it is created, and goes past the gates before it as far as it can. */

import type { Closers } from '../close.ts';
import { type Created, type Creation, createTask } from '../create.ts';
import { followUp } from '../follow-ups.ts';
import { measured } from '../measures.ts';
import type { Runtime } from '../runtime.ts';
import { readTask } from '../store.ts';
import { isEnded, type Known, type Task } from '../task.ts';
import { isGate } from './gate-names.ts';
import { proceed } from './waiting.ts';

/**
 * Creates a task; throws what `createTask` throws. One that is then `queued` has not been published: whoever starts it does that, or
 * runs it. One without gates has cost nothing more than its creation.
 */
export async function startTask(runtime: Closers & Pick<Runtime, 'objects'>, creation: Creation): Promise<Created> {
  const created = await createTask(runtime, creation);
  if (created.kind === 'replayed') return created;
  const { task, known } = created;
  measured(() => ({ kind: 'created', agent: task.agent }));
  // A dependency had failed: the task has ended as it was created.
  const { status } = task;
  if (isEnded(status)) {
    measured(() => ({ kind: 'ended', agent: task.agent, status }));
    await followUp(runtime, known);
  }
  const hasGates = task.status === 'waiting' && task.waitingFor?.some(isGate);
  const since = hasGates ? await goOn(runtime, { ...known, task }, creation.by) : undefined;
  return since === undefined ? created : { ...created, known: since, task: since.task };
}

/** Has a task that was just made go on; returns what is known of it since. It is not published where it is queued by this. */
export async function goOn(runtime: Closers, known: Known<Task>, by: string): Promise<Known<Task> | undefined> {
  const next = await proceed(runtime, known, by, { publishes: false });
  if (next.kind === 'cancelled') await followUp(runtime, next.known);
  return next.kind === 'moved' ? readTask(runtime, known.id) : next.known;
}
