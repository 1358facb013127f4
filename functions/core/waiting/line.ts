/** The line before a gate: a document in `dependents` for each task that stands there, in the order in which they pass. */

import { DAY_MS } from '../days.ts';
import { hashedId } from '../hashed-id.ts';
import type { Stored, Write } from '../ports.ts';
import type { Runtime } from '../runtime.ts';
import { type Known, lifeOf } from '../task.ts';
import { DEPENDENTS, type Dependent, rankOf } from './dependencies.ts';
import { resourceOf } from './gate-names.ts';

/** Joins the line, in the commit that makes the task wait there. */
export function joinLine(known: Known, gate: string): Write {
  const { id, task } = known;
  const { tenant, priority, createdAt, ttl } = task;
  const data: Dependent = {
    dependency: resourceOf(tenant, gate),
    dependent: id,
    rank: rankOf(priority, createdAt),
    expireAt: ttl * 1000 + DAY_MS,
  };
  return { kind: 'create', collection: DEPENDENTS, id: placeOf(known, gate), data: { ...data } };
}

/** Leaves it, in the commit after which the task waits there no more. */
export const leaveLine = (known: Known, gate: string): Write => ({
  kind: 'delete',
  collection: DEPENDENTS,
  id: placeOf(known, gate),
});

/** Those who stand before a gate, the highest priority first, then the oldest. */
export async function firstInLine(
  { documents }: Pick<Runtime, 'documents'>,
  tenant: string,
  gate: string,
  limit: number,
  after?: Stored,
): Promise<readonly Stored[]> {
  const found = await documents.query(DEPENDENTS, {
    equal: { dependency: resourceOf(tenant, gate) },
    orderBy: { field: 'rank', direction: 'asc' },
    limit,
    ...(after === undefined ? {} : { after: { value: after.data.rank as number, id: after.id } }),
  });
  return found.documents;
}

/** The id of a task's place: one for each of its lives, so that it cannot stand there twice. */
export const placeOf = ({ id, task }: Known, gate: string): string => hashedId(resourceOf(task.tenant, gate), id, lifeOf(task));
