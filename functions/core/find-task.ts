/** How a task is found by what a client calls it: its id, or the alias that it was submitted with. */

import { aliasedId } from './create.ts';
import type { Runtime } from './runtime.ts';
import { readTask } from './store.ts';
import type { Known, Task } from './task.ts';

/** A tenant's task by its id or its alias: an id comes first, and costs one read. */
export async function findTask(
  runtime: Pick<Runtime, 'documents' | 'clock'>,
  tenant: string,
  name: string,
): Promise<Known<Task> | undefined> {
  for (const id of [name, aliasedId(tenant, name)]) {
    const known = await readTask(runtime, id);
    if (known?.task.tenant === tenant) return known;
  }
  return undefined;
}
