/** `POST /task/{id}/cancel`: ends what has not started, asks what runs to stop; the children of a task too. */

import type { Caller } from '../core/authenticate.ts';
import { closing } from '../core/closing.ts';
import { Problem } from '../core/errors.ts';
import { followUp } from '../core/follow-ups.ts';
import { newestFirst } from '../core/list-tasks.ts';
import type { Runtime } from '../core/runtime.ts';
import { type Decision, decideAndWrite } from '../core/store.ts';
import { isEnded, type JsonObject, type Known } from '../core/task.ts';
import { fromDocument } from '../core/task-document.ts';
import { fullView, notFound, ownTask } from './task-view.ts';

const CHILDREN_AT_ONCE = 200;

/** 200 when the task is cancelled, 202 when it was running and has been asked to stop. Throws `Problem` 404, 409 `task_ended`. */
export async function cancel(
  runtime: Runtime,
  caller: Caller,
  name: string,
): Promise<{ readonly status: 200 | 202; readonly view: JsonObject }> {
  const known = await ownTask(runtime, caller, name);
  const { id } = known;
  const cancelled = await cancelOne(runtime, caller, known);
  if (cancelled === 'absent') throw notFound(id);
  if (cancelled === 'ended') throw new Problem(409, 'task_ended', `Task ${id} has ended; it can no longer be cancelled.`);
  await cancelChildren(runtime, caller, id, new Set([id]));
  return {
    status: cancelled === 'cancelled' ? 200 : 202,
    view: await fullView(runtime, id, (await ownTask(runtime, caller, id)).task),
  };
}

/** All below a task. `seen` ends it where an id, made from a key, was used again after its retention and stands in its own line. */
async function cancelChildren(runtime: Runtime, caller: Caller, parentTaskId: string, seen: Set<string>): Promise<void> {
  const equal = { tenant: caller.tenant, parentTaskId };
  for await (const { id, version, data } of newestFirst(runtime, equal, undefined, CHILDREN_AT_ONCE)) {
    if (seen.has(id)) continue;
    seen.add(id);
    await cancelOne(runtime, caller, { id, version, task: fromDocument(data) });
    await cancelChildren(runtime, caller, id, seen);
  }
}

async function cancelOne(runtime: Runtime, caller: Caller, known: Known): Promise<'absent' | 'ended' | 'cancelled' | 'asked'> {
  type Answer = { readonly kind: 'ended' | 'asked' } | { readonly kind: 'cancelled'; readonly known: Known };
  const decide = (current: Known): Decision<Answer> => {
    const { task } = current;
    if (isEnded(task.status)) return { answer: { kind: 'ended' } };
    if (task.status === 'running') {
      if (task.cancelRequested) return { answer: { kind: 'asked' } };
      return {
        change: { set: { cancelRequested: true }, event: { event: 'cancel_requested', by: caller.name } },
        gives: () => ({ kind: 'asked' }),
      };
    }
    const error = { code: 'cancelled', message: 'Cancelled before it ran.' };
    const change = closing(runtime, current, { status: 'cancelled', error, by: caller.name }, undefined);
    return { change, gives: (closed) => ({ kind: 'cancelled', known: closed }) };
  };
  const answer = await decideAndWrite<Answer | undefined>(runtime, known.id, known, decide, undefined);
  if (answer === undefined) return 'absent';
  if (answer.kind === 'cancelled') await followUp(runtime, answer.known);
  return answer.kind;
}
