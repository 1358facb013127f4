/** `GET /costs`: what tasks cost, added up over the tasks themselves; no task pays for its bookkeeping with a write. */

import { z } from 'zod';
import type { Caller } from '../core/authenticate.ts';
import { dayOf } from '../core/budget.ts';
import { checked, invalidFields } from '../core/http.ts';
import { centsFromMicros } from '../core/money.ts';
import type { Query } from '../core/ports.ts';
import type { Runtime } from '../core/runtime.ts';
import { isEnded, type JsonObject, spentMicros, type Task } from '../core/task.ts';
import { fromDocument } from '../core/task-document.ts';
import { decodedCursor, encodedCursor, merged } from './read-tasks.ts';

const DAY_MS = 86_400_000;
const TASKS_PER_PAGE = 50_000;
const READ_AT_ONCE = 1_600;

const day = z.iso.date();

export const costsQuery = z.strictObject({
  from: day.optional(),
  to: day.optional(),
  groupBy: z.enum(['agent', 'trace', 'tenant', 'day']).default('agent'),
  agent: z.string().max(63).optional(),
  traceId: z.string().max(200).optional(),
  cursor: z.string().max(2_000).optional(),
});

type Grouping = z.output<typeof costsQuery>['groupBy'];

interface Sum {
  tasks: number;
  open: number;
  attempts: number;
  costMicros: number;
}

/**
 * The cost of the tasks that were created from the day `from` to the day `to` (UTC, both included; today by default), by agent,
 * trace, tenant or day. `open` counts those that have not ended, which may still cost more. Beyond 50,000 tasks the answer has a
 * `nextCursor`, and its sums are those of a part.
 */
export async function getCosts(runtime: Runtime, caller: Caller, query: unknown): Promise<JsonObject> {
  const today = dayOf(runtime.clock.now());
  const { to = today, from = to, groupBy, agent, traceId, cursor } = checked(costsQuery, query);
  if (from > to) throw invalidFields([{ field: 'from', code: 'out_of_range', message: 'is after to' }]);
  const earliest = Date.parse(from);
  // Newest first: no task's id comes before '-'.
  const start = cursor === undefined ? { value: Date.parse(to) + DAY_MS, id: '-' } : decodedCursor(cursor);
  const equal: Query['equal'] = {
    tenant: caller.tenant,
    ...(agent === undefined ? {} : { agent }),
    ...(traceId === undefined ? {} : { traceId }),
  };
  const sums = new Map<string, Sum>();
  let seen = 0;
  let nextCursor: string | undefined;
  for await (const document of merged(runtime, equal, start, READ_AT_ONCE)) {
    const task = fromDocument(document.data);
    if (task.createdAt < earliest) break;
    add(sums, groupOf(task, groupBy), task);
    if (++seen === TASKS_PER_PAGE) {
      nextCursor = encodedCursor(document);
      break;
    }
  }
  const total = [...sums.values()].reduce((sum, { costMicros }) => sum + costMicros, 0);
  return {
    from,
    to,
    groupBy,
    costs: [...sums].map(([group, sum]) => row(groupBy, group, sum)).sort(dearestFirst),
    tasks: seen,
    totalCents: centsFromMicros(total),
    ...(nextCursor === undefined ? {} : { nextCursor }),
  };
}

function groupOf(task: Task, groupBy: Grouping): string {
  if (groupBy === 'day') return dayOf(task.createdAt);
  return groupBy === 'trace' ? task.traceId : task[groupBy];
}

function add(sums: Map<string, Sum>, group: string, task: Task): void {
  const sum = sums.get(group) ?? { tasks: 0, open: 0, attempts: 0, costMicros: 0 };
  sums.set(group, {
    tasks: sum.tasks + 1,
    open: sum.open + (isEnded(task.status) ? 0 : 1),
    attempts: sum.attempts + task.charges.length,
    costMicros: sum.costMicros + spentMicros(task),
  });
}

function row(groupBy: Grouping, group: string, { tasks, open, attempts, costMicros }: Sum): JsonObject {
  return { [groupBy === 'trace' ? 'traceId' : groupBy]: group, tasks, open, attempts, costCents: centsFromMicros(costMicros) };
}

const dearestFirst = (a: JsonObject, b: JsonObject): number => Number(b.costCents) - Number(a.costCents);
