/** The view of one task, with a large result fetched from where it is kept, and the rule of who may see it. */

import type { Caller } from '../core/authenticate.ts';
import { checkOut } from '../core/claim-check.ts';
import { Problem } from '../core/errors.ts';
import { findTask } from '../core/find-task.ts';
import type { Runtime } from '../core/runtime.ts';
import type { JsonObject, Known, Task } from '../core/task.ts';
import { taskView } from '../core/task-view.ts';

type Readers = Pick<Runtime, 'documents' | 'clock' | 'objects'>;

/** The task view with its result, wherever that is kept; a large payload stays a reference. */
export async function fullView(runtime: Pick<Runtime, 'objects'>, id: string, task: Task): Promise<JsonObject> {
  const view = taskView(id, task);
  return task.resultRef === undefined ? view : { ...view, result: await checkOut(runtime, task.resultRef) };
}

/** A task of the caller's tenant, by its id or its alias. Throws `Problem` 404 `task_not_found`, for other tenants' tasks too. */
export async function ownTask(runtime: Readers, caller: Caller, name: string): Promise<Known<Task>> {
  const known = await findTask(runtime, caller.tenant, name);
  if (known === undefined) throw notFound(name);
  return known;
}

/** A task of the caller's tenant, with its result, wherever that is kept. */
export async function fullTask(runtime: Readers, caller: Caller, id: string): Promise<Task> {
  return withResult(runtime, (await ownTask(runtime, caller, id)).task);
}

/** A task with its result, wherever that is kept. */
export async function withResult(runtime: Pick<Runtime, 'objects'>, task: Task): Promise<Task> {
  if (task.resultRef === undefined) return task;
  const { resultRef, ...rest } = task;
  return { ...rest, result: await checkOut(runtime, resultRef) };
}

/** 404, for another tenant's task as for none. */
export const notFound = (id: string): Problem => new Problem(404, 'task_not_found', `There is no task ${id.slice(0, 100)}.`);
