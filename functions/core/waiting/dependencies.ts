/**
 * What a task that waits for others does in the commit that creates it: it reads each of them, marks those that have not ended,
 * and leaves a document for each, by which their ends find it. The mark is written under the version that was read, so none of
 * them can end unnoticed meanwhile.
 */

import type { Accounts } from '../budgets/accounts.ts';
import { stateOf } from '../budgets/holds.ts';
import { DAY_MS } from '../days.ts';
import { Problem } from '../errors.ts';
import { hashedId } from '../hashed-id.ts';
import type { Write } from '../ports.ts';
import type { Runtime } from '../runtime.ts';
import { TASKS } from '../store.ts';
import { isEnded, isTaskId, type Status, type Task } from '../task.ts';
import { fromDocument } from '../task-document.ts';
import { isGate } from './gate-names.ts';

/** The collection of who waits for whom. */
export const DEPENDENTS = 'dependents';

/** One task that waits for one other, as stored. */
export interface Dependent {
  readonly dependency: string;
  readonly dependent: string;
  /** Ascending: the order in which dependents are released. */
  readonly rank: number;
  readonly expireAt: number;
}

/** A dependency that did not succeed; without a status its record is gone, and with it the proof that it did. */
export interface Failed {
  readonly id: string;
  readonly status?: Status;
}

/** What the dependencies of a new task have come to. */
export interface Awaited {
  /** Those that have not ended. */
  readonly waitingFor: readonly string[];
  readonly failed?: Failed;
}

/**
 * Reads the dependencies and marks those that have not ended. Throws `Problem` 422 `dependency_not_found` that names each id
 * which is no task of the tenant.
 */
export async function awaitAll(
  { clock }: Pick<Runtime, 'clock'>,
  accounts: Accounts,
  { tenant, dependencies = [] }: Pick<Task, 'tenant' | 'dependencies'>,
): Promise<Awaited> {
  const found = await Promise.all(
    dependencies.map(async (id) => {
      const document = isTaskId(id) ? await accounts.get(TASKS, id) : undefined;
      const task = document && fromDocument(document);
      const isGone = task?.expireAt !== undefined && task.expireAt <= clock.now();
      return { id, task: task?.tenant === tenant && !isGone ? task : undefined };
    }),
  );
  refuseUnknown(found);
  const waitingFor: string[] = [];
  let failed: Failed | undefined;
  for (const { id, task } of found as { id: string; task: Task }[]) {
    if (task.status === 'succeeded') continue;
    if (isEnded(task.status)) failed ??= { id, status: task.status };
    waitingFor.push(id);
  }
  // What ends at once waits for nothing, and nothing is to look for it.
  if (failed !== undefined) return { waitingFor: [], failed };
  for (const { id, task } of found as { id: string; task: Task }[]) {
    if (waitingFor.includes(id)) accounts.set(TASKS, id, stateOf(task, { hasDependents: true }));
  }
  return { waitingFor };
}

function refuseUnknown(found: readonly { readonly id: string; readonly task: Task | undefined }[]): void {
  const fields = found.flatMap(({ id, task }, index) =>
    task === undefined
      ? [{ field: `dependencies.${index}`, code: 'dependency_not_found', message: `names no task: ${id.slice(0, 100)}` }]
      : [],
  );
  const [first] = fields;
  if (first === undefined) return;
  const detail = `${fields.length === 1 ? 'A dependency' : `${fields.length} dependencies`} cannot be found: ${first.field} ${first.message}.`;
  throw new Problem(422, 'dependency_not_found', detail, { fields: fields.slice(0, 50) });
}

/** The documents by which the ends of `waitingFor` find a task. The request is in their ids, since an id of a task may be used again. */
export function dependentWrites(id: string, { waitingFor = [], requestId, priority, createdAt, ttl }: Task): Write[] {
  return waitingFor
    .filter((name) => !isGate(name))
    .map((dependency) => {
      const data: Dependent = { dependency, dependent: id, rank: rankOf(priority, createdAt), expireAt: ttl * 1000 + DAY_MS };
      return { kind: 'create', collection: DEPENDENTS, id: hashedId(dependency, id, requestId), data: { ...data } };
    });
}

/** More milliseconds than any date of this century has; two thousand times as many are still a whole number. */
const LONGER_THAN_TIME = 4e12;
const HIGHEST_PRIORITY = 1_000;

/** The highest priority first, then the oldest: both in one number, which an index orders by. */
export const rankOf = (priority: number, createdAt: number): number => (HIGHEST_PRIORITY - priority) * LONGER_THAN_TIME + createdAt;
