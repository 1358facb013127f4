/** The view of one task, with a large result fetched from where it is kept, and the rule of who may see it. */

import type { Caller } from '../core/authenticate.ts';
import { checkOut } from '../core/claim-check.ts';
import { aliasedId } from '../core/create.ts';
import { Problem } from '../core/errors.ts';
import type { Runtime } from '../core/runtime.ts';
import { readTask } from '../core/store.ts';
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

/** A tenant's task by its id or its alias: an id comes first, and costs one read. */
export async function findTask(runtime: Readers, tenant: string, name: string): Promise<Known<Task> | undefined> {
  for (const id of [name, aliasedId(tenant, name)]) {
    const known = await readTask(runtime, id);
    if (known?.task.tenant === tenant) return known;
  }
  return undefined;
}

/** 404, for another tenant's task as for none. */
export const notFound = (id: string): Problem => new Problem(404, 'task_not_found', `There is no task ${id.slice(0, 100)}.`);
