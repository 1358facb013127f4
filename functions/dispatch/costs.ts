/** `GET /costs`: what tasks cost, added up over the tasks themselves; no task pays for its bookkeeping with a write. */

import * as z from 'zod';
import type { Caller } from '../core/authenticate.ts';
import { COST_DAYS, type CostDay, closesAt, costDayId } from '../core/budgets/cost-days.ts';
import { centsFromMicros } from '../core/budgets/money.ts';
import { DAY_MS, dayOf, nextDay } from '../core/days.ts';
import { checked, invalidFields } from '../core/http.ts';
import { decodedCursor, encodedCursor, endOfDay, newestFirst } from '../core/list-tasks.ts';
import type { Query } from '../core/ports.ts';
import type { Runtime } from '../core/runtime.ts';
import { isEnded, type JsonObject, spentMicros, type Task } from '../core/task.ts';
import { fromDocument } from '../core/task-document.ts';

const TASKS_PER_PAGE = 50_000;
const READ_AT_ONCE = 1_600;
const MAX_DAYS = 366;

const day = z.iso.date();

/** The query of `GET /costs`. */
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
  if (Date.parse(to) - Date.parse(from) > MAX_DAYS * DAY_MS)
    throw invalidFields([{ field: 'from', code: 'out_of_range', message: `is more than ${MAX_DAYS} days before to` }]);
  if (from > to) throw invalidFields([{ field: 'from', code: 'out_of_range', message: 'is after to' }]);
  const earliest = Date.parse(from);
  const start = cursor === undefined ? endOfDay(to) : decodedCursor(cursor);
  const equal: Query['equal'] = {
    tenant: caller.tenant,
    ...(agent === undefined ? {} : { agent }),
    ...(traceId === undefined ? {} : { traceId }),
  };
  const sums = new Map<string, Sum>();
  // Of closed days no trace is kept.
  const closed = groupBy === 'trace' || traceId !== undefined ? new Map() : await closedDays(runtime, caller.tenant, from, to);
  if (cursor === undefined) for (const day of closed.values()) addDay(sums, day, groupBy, agent);
  let seen = [...sums.values()].reduce((sum, { tasks }) => sum + tasks, 0);
  let read = 0;
  let nextCursor: string | undefined;
  for await (const document of newestFirst(runtime, equal, start, READ_AT_ONCE)) {
    const task = fromDocument(document.data);
    if (task.createdAt < earliest || closed.has(dayOf(task.createdAt))) break;
    seen += 1;
    add(sums, groupOf(task, groupBy), task);
    if (++read === TASKS_PER_PAGE) {
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

/** The days of the span that are added up: the oldest ones, without a gap. */
async function closedDays(runtime: Runtime, tenant: string, from: string, to: string): Promise<Map<string, CostDay>> {
  const days: string[] = [];
  for (let day = from; day <= to && closesAt(day) <= runtime.clock.now(); day = nextDay(day)) days.push(day);
  const found = await Promise.all(days.map((day) => runtime.documents.get(COST_DAYS, costDayId(tenant, day))));
  const closed = new Map<string, CostDay>();
  for (const stored of found) {
    const day = stored?.data as unknown as CostDay | undefined;
    if (day !== undefined && (day.cursor ?? null) === null) closed.set(day.day, day);
  }
  return closed;
}

function addDay(sums: Map<string, Sum>, { tenant, day, agents }: CostDay, groupBy: Grouping, agent: string | undefined): void {
  for (const [name, added] of Object.entries(agents)) {
    if (agent !== undefined && agent !== name) continue;
    const group = groupBy === 'agent' ? name : groupBy === 'day' ? day : tenant;
    const sum = sums.get(group) ?? { tasks: 0, open: 0, attempts: 0, costMicros: 0 };
    sums.set(group, {
      tasks: sum.tasks + added.tasks,
      open: sum.open,
      attempts: sum.attempts + added.attempts,
      costMicros: sum.costMicros + added.costMicros,
    });
  }
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
