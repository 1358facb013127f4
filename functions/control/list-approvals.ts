/** `GET /approvals`: what waits for somebody's approval. */

import * as z from 'zod';
import type { Caller } from '../core/authenticate.ts';
import { checked, paging } from '../core/http.ts';
import { decodedCursor, encodedPlace } from '../core/list-tasks.ts';
import type { Stored } from '../core/ports.ts';
import type { Runtime } from '../core/runtime.ts';
import { readTask } from '../core/store.ts';
import type { JsonObject, Known, Task } from '../core/task.ts';
import { taskView } from '../core/task-view.ts';
import { approvalHash } from '../core/waiting/approvals.ts';
import { APPROVAL } from '../core/waiting/gate-names.ts';
import { firstInLine } from '../core/waiting/line.ts';

/** The query of `GET /approvals`. */
export const approvalsQuery = z.strictObject(paging);

/** As many tasks are read at once, each of up to half a megabyte. */
const READ_AT_ONCE = 10;
const MAX_LIST_BYTES = 8 * 1024 * 1024;

/**
 * The tasks that wait for an approval, in the order in which they would run: `{approvals: [{taskId, agent, hash, since, by,
 * budgetCents, task}], nextCursor?}`. `hash` stands for what would be approved: it is to be sent back with the decision. `by` has
 * asked for it, at `since`. Throws `Problem` 422.
 */
export async function listApprovals(runtime: Runtime, caller: Caller, query: unknown): Promise<JsonObject> {
  const { limit, cursor } = checked(approvalsQuery, query);
  const after = cursor === undefined ? undefined : standingAt(decodedCursor(cursor));
  const places = limit === 0 ? [] : await firstInLine(runtime, caller.tenant, APPROVAL, limit + 1, after);
  const page = places.slice(0, limit);
  const approvals: JsonObject[] = [];
  let bytes = 0;
  let seen = 0;
  for (; seen < page.length && bytes <= MAX_LIST_BYTES; seen += READ_AT_ONCE) {
    const ids = page.slice(seen, seen + READ_AT_ONCE).map(({ data }) => String(data.dependent));
    const found = await Promise.all(ids.map((id) => readTask(runtime, id)));
    for (const known of found) {
      if (known === undefined || known.task.tenant !== caller.tenant || !awaitsApproval(known.task)) continue;
      const view = approvalView(known);
      bytes += JSON.stringify(view).length;
      approvals.push(view);
    }
  }
  const last = page[Math.min(seen, page.length) - 1];
  const isAll = last === undefined || last === places.at(-1);
  return { approvals, ...(isAll ? {} : { nextCursor: encodedPlace({ value: last.data.rank as number, id: last.id }) }) };
}

/** Whether a task waits for somebody's decision. */
export const awaitsApproval = ({ status, waitingFor }: Task): boolean =>
  status === 'waiting' && waitingFor?.includes(APPROVAL) === true;

/** Who has asked for a task, or for another life of it; the present life's last. */
export function askersOf({ timeline }: Task): readonly { readonly at: number; readonly by: string }[] {
  return timeline.flatMap(({ at, event, by }) => (ASKING.has(event) && typeof by === 'string' ? [{ at, by }] : []));
}

const ASKING: ReadonlySet<string> = new Set(['waiting', 'queued', 'redriven']);

function approvalView({ id, task }: Known<Task>): JsonObject {
  const view = taskView(id, task);
  const asked = askersOf(task).at(-1);
  return {
    taskId: id,
    agent: task.agent,
    hash: approvalHash(task),
    since: new Date(asked?.at ?? task.createdAt).toISOString(),
    by: asked?.by,
    budgetCents: view.budgetCents,
    task: view,
  };
}

const standingAt = ({ value, id }: { value: number; id: string }): Stored => ({ id, version: '', data: { rank: value } });
