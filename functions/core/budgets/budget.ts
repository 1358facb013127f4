/**
 * Shared budgets: what a tenant, or one of its agents, may spend in a UTC day. A task holds its whole budget when it is created,
 * in the same commit; when it has ended, what it cost is booked and the rest is free again. held + spent never exceeds the limit.
 */

import { DAY_MS } from '../days.ts';
import { Problem } from '../errors.ts';
import { hashedId } from '../hashed-id.ts';
import type { Fields } from '../ports.ts';
import type { Accounts } from './accounts.ts';
import type { Limit, LimitMode } from './limits.ts';
import { centsFromMicros } from './money.ts';

/** The collections of budgets and of allowances. */
export const BUDGETS = 'budgets';
export const ALLOWANCES = 'allowances';
/** A task ends within seven days of its creation, and its last report may come later. */
const KEPT_MS = 45 * DAY_MS;
/** An allowance is a twentieth of the limit, if no task needs more at once. */
const ALLOWANCES_PER_LIMIT = 20;
/** The sweeper finds idle allowances by shard and time: an index on time alone would cap writes. */
export const ALLOWANCE_SHARDS = 4;

/** The budget of one scope on one day, as stored. An allowance counts as held. */
export interface Budget {
  readonly tenant: string;
  readonly scope: string;
  readonly day: string;
  /** Absent: the limit was lifted; what is held and spent is still counted. */
  readonly limitMicros?: number | null;
  readonly mode: LimitMode;
  readonly heldMicros: number;
  readonly spentMicros: number;
  readonly expireAt: number;
}

/** What one instance may hold without taking it from the budget again, unless a lowered limit has left no room for it. */
export interface Allowance {
  readonly budget: string;
  readonly tenant: string;
  readonly freeMicros: number;
  readonly shard: number;
  /** When it was last filled; milliseconds since the epoch. */
  readonly grantedAt: number;
}

/** The id of the budget of one scope on one day. */
export const budgetId = (tenant: string, scope: string, day: string): string => hashedId(tenant, scope, day);

/** A budget that nothing was taken from yet. */
export const freshBudget = (tenant: string, scope: string, day: string, limit: Pick<Limit, 'limitMicros' | 'mode'>): Budget => ({
  tenant,
  scope,
  day,
  limitMicros: limit.limitMicros,
  mode: limit.mode,
  heldMicros: 0,
  spentMicros: 0,
  expireAt: Date.parse(day) + KEPT_MS,
});

/** What is held and spent beyond a limit that was lowered since. */
const overdrawnMicros = ({ limitMicros, heldMicros, spentMicros }: Budget): number =>
  Math.max(0, heldMicros + spentMicros - (limitMicros ?? Number.MAX_SAFE_INTEGER));

/** What may still be held; never less than nothing, though a limit may be lowered below what is held and spent. */
export const freeMicros = ({ limitMicros, heldMicros, spentMicros }: Budget): number =>
  Math.max(0, (limitMicros ?? Number.MAX_SAFE_INTEGER) - heldMicros - spentMicros);

/** One amount that a task is to hold of one budget. */
export interface Taking {
  readonly tenant: string;
  readonly scope: string;
  readonly day: string;
  readonly micros: number;
  /** Reads the stored limit, for the first task of a day. */
  readonly limit: () => Promise<Limit | undefined>;
  /** Whose allowance is used where the budget is leased. */
  readonly instance: string;
  readonly now: number;
}

/**
 * Takes an amount from a budget and returns where it was taken from; `undefined` when there is no such limit any more. Throws
 * `Problem` 402 `budget_exceeded`.
 */
export async function take(accounts: Accounts, taking: Taking): Promise<{ id: string; leased: boolean } | undefined> {
  const { tenant, scope, day, micros } = taking;
  const id = budgetId(tenant, scope, day);
  let budget = (await accounts.get(BUDGETS, id)) as unknown as Budget | undefined;
  if (budget === undefined) {
    const limit = await taking.limit();
    if (limit === undefined) return undefined;
    budget = freshBudget(tenant, scope, day, limit);
  }
  if (budget.mode === 'leased') {
    await takeFromAllowance(accounts, id, budget, taking);
    return { id, leased: true };
  }
  if (micros > freeMicros(budget)) throw exceeded(budget, micros);
  accounts.set(BUDGETS, id, { ...budget, heldMicros: budget.heldMicros + micros });
  return { id, leased: false };
}

async function takeFromAllowance(accounts: Accounts, id: string, budget: Budget, taking: Taking): Promise<void> {
  const { micros, tenant, now } = taking;
  const allowanceId = `${id}-${taking.instance}`;
  const allowance = (await accounts.get(ALLOWANCES, allowanceId)) as unknown as Allowance | undefined;
  const shard = allowance?.shard ?? now % ALLOWANCE_SHARDS;
  let free = allowance?.freeMicros ?? 0;
  const usable = Math.max(0, free - overdrawnMicros(budget));
  let grantedAt = allowance?.grantedAt ?? now;
  if (usable < micros) {
    const available = freeMicros(budget);
    const missing = micros - usable;
    if (missing > available) throw exceeded(budget, micros);
    const granted = Math.min(available, Math.max(missing, Math.floor((budget.limitMicros ?? 0) / ALLOWANCES_PER_LIMIT)));
    accounts.set(BUDGETS, id, { ...budget, heldMicros: budget.heldMicros + granted });
    free += granted;
    grantedAt = now;
  }
  const left: Allowance = { budget: id, tenant, freeMicros: free - micros, shard, grantedAt };
  accounts.set(ALLOWANCES, allowanceId, left as unknown as Fields);
}

/** Gives back what was held (on the first settlement) and books what was spent since the last. */
export async function book(accounts: Accounts, id: string, heldMicros: number, spentMicros: number): Promise<void> {
  const budget = (await accounts.get(BUDGETS, id)) as unknown as Budget | undefined;
  if (budget === undefined) return;
  accounts.set(BUDGETS, id, { heldMicros: budget.heldMicros - heldMicros, spentMicros: budget.spentMicros + spentMicros });
}

function exceeded(budget: Budget, micros: number): Problem {
  const cents = (amount: number): string => `${centsFromMicros(amount)} cents`;
  return new Problem(
    402,
    'budget_exceeded',
    `The budget of '${budget.scope}' for ${budget.day} has ${cents(freeMicros(budget))} free of ${cents(budget.limitMicros ?? 0)}; ` +
      `this task would hold ${cents(micros)}. Give it a smaller budgetCents, wait until others have ended, or raise the limit.`,
    {
      fields: [{ field: 'budgetCents', code: 'budget_exceeded', message: `is more than the budget of '${budget.scope}' has free` }],
    },
  );
}
