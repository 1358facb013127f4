/** Reading tasks: one (waiting for its end, if asked to), or a list merged over the shards. */

import * as z from 'zod';
import type { Caller } from '../core/authenticate.ts';
import { checked, paging } from '../core/http.ts';
import { taskPage } from '../core/list-tasks.ts';
import type { Fields } from '../core/ports.ts';
import type { Runtime } from '../core/runtime.ts';
import { TASKS } from '../core/store.ts';
import { isEnded, type JsonObject, STATUSES, type Task } from '../core/task.ts';
import { fromDocument } from '../core/task-document.ts';
import { taskView } from '../core/task-view.ts';
import { untilDocument } from '../core/until-document.ts';
import { fullView, ownTask } from './task-view.ts';

/** The query of one task. */
export const taskQuery = z.strictObject({ waitSeconds: z.coerce.number().min(0).max(30).default(0) });

/** The query of a list; `trace` is another name of `traceId`. */
export const listQuery = z.strictObject({
  ...paging,
  status: z.enum(STATUSES).optional(),
  agent: z.string().max(63).optional(),
  trace: z.string().max(200).optional(),
  traceId: z.string().max(200).optional(),
});

/** A task as it stands, and its view. */
export interface Shown {
  readonly id: string;
  readonly task: Task;
  readonly view: JsonObject;
}

/**
 * A task; with `waitSeconds` (at most 30) as soon as it has ended, or as it stands when the wait is over, or when
 * `whenGone` tells that nobody waits any more.
 */
export async function getTask(
  runtime: Runtime,
  caller: Caller,
  name: string,
  query: unknown,
  whenGone: (run: () => void) => void,
): Promise<Shown> {
  const { waitSeconds } = checked(taskQuery, query);
  const { id, task: first } = await ownTask(runtime, caller, name);
  const isToWait = waitSeconds > 0 && !isEnded(first.status);
  const task = (isToWait && (await untilEnded(runtime, id, waitSeconds * 1000, whenGone))) || first;
  return { id, task, view: await fullView(runtime, id, task) };
}

/** The task as last seen: when it has ended, or when the wait is over. */
async function untilEnded(
  runtime: Runtime,
  id: string,
  ms: number,
  whenGone: (run: () => void) => void,
): Promise<Task | undefined> {
  const hasEnded = (data: Fields | undefined): boolean => data === undefined || isEnded(fromDocument(data).status);
  const last = await untilDocument(runtime, { collection: TASKS, id, ms }, hasEnded, whenGone);
  return last && fromDocument(last);
}

/** The caller's tasks, newest first. */
export async function listTasks(runtime: Runtime, caller: Caller, query: unknown): Promise<JsonObject> {
  const { limit, cursor, status, agent, trace, traceId } = checked(listQuery, query);
  const equal = withoutUndefined({ tenant: caller.tenant, status, agent, traceId: traceId ?? trace });
  const { tasks, nextCursor } = await taskPage(runtime, equal, { limit, cursor });
  return { tasks: tasks.map(({ id, task }) => taskView(id, task)), ...(nextCursor === undefined ? {} : { nextCursor }) };
}

function withoutUndefined(object: Record<string, string | undefined>): Record<string, string> {
  return Object.fromEntries(Object.entries(object).filter((entry): entry is [string, string] => entry[1] !== undefined));
}
