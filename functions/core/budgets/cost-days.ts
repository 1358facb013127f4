/**
 * The cost ledger's closed days: what the tasks of a tenant cost that were created on a day, by agent, kept when the tasks
 * themselves have gone. The sweeper adds a day up once its tasks have had time to end.
 */

import { DAY_MS, dayOf } from '../days.ts';
import { hashedId } from '../hashed-id.ts';
import type { Query } from '../ports.ts';
import type { Known, TaskCore } from '../task.ts';
import type { Accounts } from './accounts.ts';

/** The collection of closed days. */
export const COST_DAYS = 'cost-days';
/** A task ends at most seven days after its creation, or a little later. */
const CLOSED_AFTER_DAYS = 9;
/** How long the new life of a redriven task may last, with the same margin. */
const REDRIVEN_DAYS = 8;

/** Of the tasks that a group holds: how many, how many attempts ran, and what they cost. */
export interface CostSum {
  readonly tasks: number;
  readonly attempts: number;
  readonly costMicros: number;
}

/** As stored. `cursor` is the place up to which tasks were added up, newest first; without it the day is complete. */
export interface CostDay {
  readonly tenant: string;
  readonly day: string;
  readonly agents: Readonly<Record<string, CostSum>>;
  readonly cursor?: NonNullable<Query['after']> | null;
}

/** The id of a tenant's day. */
export const costDayId = (tenant: string, day: string): string => hashedId(tenant, day);

/** When a day can be added up: milliseconds since the epoch. */
export const closesAt = (day: string): number => Date.parse(day) + CLOSED_AFTER_DAYS * DAY_MS;

/** Whether a task that is redriven at `now` may find its day added up by its end. */
export const isOld = ({ createdAt }: TaskCore, now: number): boolean => now >= closesAt(dayOf(createdAt)) - REDRIVEN_DAYS * DAY_MS;

/** Of a group without tasks. */
export const NO_COSTS: CostSum = { tasks: 0, attempts: 0, costMicros: 0 };

/** What a task that is redriven late adds to its day. */
export type Late = Pick<CostSum, 'attempts' | 'costMicros'>;

/** Adds what a redriven task cost to its day, if that was added up without it. */
export async function bookLate(accounts: Accounts, { id, task }: Known, late: Late): Promise<void> {
  const dayId = costDayId(task.tenant, dayOf(task.createdAt));
  const day = (await accounts.get(COST_DAYS, dayId)) as unknown as CostDay | undefined;
  if (day === undefined || !isCounted(day, id, task.createdAt)) return;
  const sum = Object.hasOwn(day.agents, task.agent) ? (day.agents[task.agent] as CostSum) : NO_COSTS;
  const after = { ...sum, attempts: sum.attempts + late.attempts, costMicros: sum.costMicros + late.costMicros };
  accounts.set(COST_DAYS, dayId, { agents: { ...day.agents, [task.agent]: after } });
}

/** Newest first, so what comes before the cursor is what is newer. */
function isCounted({ cursor }: CostDay, id: string, createdAt: number): boolean {
  if (cursor === undefined || cursor === null) return true;
  return createdAt > cursor.value || (createdAt === cursor.value && id >= cursor.id);
}
