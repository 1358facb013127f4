/** `POST /task/{id}/cancel`: ends what has not started, asks what runs to stop; the children of a task too. */

import type { Caller } from '../core/authenticate.ts';
import { closing } from '../core/close.ts';
import { Problem } from '../core/errors.ts';
import { followUp } from '../core/follow-ups.ts';
import type { Runtime } from '../core/runtime.ts';
import { type Decision, decideAndWrite } from '../core/store.ts';
import { isEnded, type JsonObject, type Known } from '../core/task.ts';
import { merged } from './read-tasks.ts';
import { fullView, notFound, ownTask } from './task-view.ts';

const MAX_CHILDREN = 1_000;

/** 200 when the task is cancelled, 202 when it was running and has been asked to stop. Throws `Problem` 404, 409 `task_ended`. */
export async function cancel(
  runtime: Runtime,
  caller: Caller,
  id: string,
): Promise<{ readonly status: 200 | 202; readonly view: JsonObject }> {
  const known = await ownTask(runtime, caller, id);
  const cancelled = await cancelOne(runtime, caller, id, known);
  if (cancelled === 'ended') throw new Problem(409, 'task_ended', `Task ${id} has ended; it can no longer be cancelled.`);
  for await (const child of merged(runtime, { tenant: caller.tenant, parentTaskId: id }, undefined, MAX_CHILDREN)) {
    await cancel(runtime, caller, child.id).catch(ignoreEnded);
  }
  return {
    status: cancelled === 'cancelled' ? 200 : 202,
    view: await fullView(runtime, id, (await ownTask(runtime, caller, id)).task),
  };
}

async function cancelOne(runtime: Runtime, caller: Caller, id: string, known: Known): Promise<'ended' | 'cancelled' | 'asked'> {
  type Answer = { readonly kind: 'ended' | 'asked' } | { readonly kind: 'cancelled'; readonly known: Known };
  const decide = ({ task }: Known): Decision<Answer> => {
    if (isEnded(task.status)) return { answer: { kind: 'ended' } };
    if (task.status === 'running') {
      if (task.cancelRequested) return { answer: { kind: 'asked' } };
      return {
        change: { set: { cancelRequested: true }, event: { event: 'cancel_requested', by: caller.name } },
        gives: () => ({ kind: 'asked' }),
      };
    }
    const error = { code: 'cancelled', message: 'Cancelled before it ran.' };
    const change = closing(runtime, task, { status: 'cancelled', error, by: caller.name }, undefined);
    return { change, gives: (closed) => ({ kind: 'cancelled', known: closed }) };
  };
  const answer = await decideAndWrite<Answer | undefined>(runtime, id, known, decide, undefined);
  if (answer === undefined) throw notFound(id);
  if (answer.kind === 'cancelled') await followUp(runtime, answer.known);
  return answer.kind;
}

function ignoreEnded(error: unknown): void {
  if (!(error instanceof Problem && (error.code === 'task_ended' || error.code === 'task_not_found'))) throw error;
}
