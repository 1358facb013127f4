/** Adds up the costs of days whose tasks have all ended, a slice at a time, before the tasks go. */

import { COST_DAYS, type CostDay, type CostSum, closesAt, costDayId, NO_COSTS } from '../core/budgets/cost-days.ts';
import { post } from '../core/budgets/ledger.ts';
import { LIMITS, TENANT_SHARDS, type Tenant } from '../core/budgets/limits.ts';
import { dayOf, nextDay } from '../core/days.ts';
import { endOfDay, newestFirst } from '../core/list-tasks.ts';
import { type Fields, PreconditionFailed } from '../core/ports.ts';
import type { Runtime } from '../core/runtime.ts';
import { isEnded, spentMicros, type Task } from '../core/task.ts';
import { fromDocument } from '../core/task-document.ts';

const HOUR_MS = 3_600_000;
const TENANTS_AT_ONCE = 20;
const TASKS_PER_SLICE = 5_000;
const READ_AT_ONCE = 800;

/** Returns how many slices were added. What another sweep does at the same time is left to it. */
export async function addUpCosts(runtime: Runtime): Promise<number> {
  const shards = Array.from({ length: TENANT_SHARDS }, (_, shard) => addUpShard(runtime, shard));
  return (await Promise.all(shards)).reduce((sum, count) => sum + count, 0);
}

async function addUpShard(runtime: Runtime, shard: number): Promise<number> {
  const { documents } = await runtime.documents.query(LIMITS, {
    equal: { shard },
    orderBy: { field: 'nextCloseAt', direction: 'asc' },
    atMost: runtime.clock.now(),
    limit: TENANTS_AT_ONCE,
  });
  let count = 0;
  for (const { id, data } of documents) {
    try {
      await addSlice(runtime, id, data as unknown as Tenant);
      count += 1;
    } catch (error) {
      if (!(error instanceof PreconditionFailed)) {
        runtime.log.error({ err: error, tenant: data.tenant }, 'Costs could not be added up; the next sweep tries again.');
      }
    }
  }
  return count;
}

async function addSlice(runtime: Runtime, id: string, { tenant, openDay: day }: Tenant): Promise<void> {
  const dayId = costDayId(tenant, day);
  const found = await runtime.documents.get(COST_DAYS, dayId);
  const before = (found?.data as unknown as CostDay | undefined) ?? { tenant, day, agents: {} };
  const slice = await sliceOf(runtime, before);
  await post(runtime, tenant, async (accounts) => {
    const stored = await accounts.get(COST_DAYS, dayId);
    if (JSON.stringify(stored) !== JSON.stringify(found?.data))
      throw new PreconditionFailed(`${day} was added up by another sweep`);
    const now = (await accounts.get(LIMITS, id)) as unknown as Tenant | undefined;
    if (now?.openDay !== day) throw new PreconditionFailed(`${day} is closed`);
    const { agents, cursor, end } = slice;
    if (end !== 'open' || cursor !== before.cursor) {
      accounts.set(COST_DAYS, dayId, { tenant, day, agents, cursor: end === 'complete' ? null : (cursor ?? null) } as Fields);
    }
    if (end === 'complete') accounts.set(LIMITS, id, { openDay: nextDay(day), nextCloseAt: closesAt(nextDay(day)) });
    if (end === 'open') accounts.set(LIMITS, id, { nextCloseAt: runtime.clock.now() + HOUR_MS });
    return [];
  });
}

/** The sums with the next slice of the day's tasks. `open`: it stopped before a task that has not ended or is not settled. */
async function sliceOf(runtime: Runtime, { tenant, day, agents: before, cursor: start }: CostDay) {
  const agents = new Map<string, CostSum>(Object.entries(before));
  let cursor = start ?? endOfDay(day);
  let seen = 0;
  const result = (end: 'open' | 'more' | 'complete') => ({ agents: Object.fromEntries(agents), cursor, end });
  for await (const { id, data } of newestFirst(runtime, { tenant }, cursor, READ_AT_ONCE)) {
    const task = fromDocument(data);
    if (dayOf(task.createdAt) < day) break;
    if (!isEnded(task.status) || task.pending?.includes('budget')) return result('open');
    add(agents, task);
    cursor = { value: task.createdAt, id };
    if (++seen === TASKS_PER_SLICE) return result('more');
  }
  return result('complete');
}

function add(agents: Map<string, CostSum>, task: Task): void {
  const sum = agents.get(task.agent) ?? NO_COSTS;
  agents.set(task.agent, {
    tasks: sum.tasks + 1,
    attempts: sum.attempts + task.charges.length,
    costMicros: sum.costMicros + spentMicros(task),
  });
}
