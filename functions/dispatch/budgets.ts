/** `GET /budgets`, `GET /budgets/{scope}`, `PUT /budgets/{scope}`: what a tenant and its agents may spend in a UTC day. */

import * as z from 'zod';
import type { Caller } from '../core/authenticate.ts';
import { BUDGETS, type Budget, budgetId, freeMicros, freshBudget } from '../core/budgets/budget.ts';
import { post } from '../core/budgets/ledger.ts';
import { forgetLimits, LIMITS, type Limit, type Limits, limitsId, newTenant, readLimits } from '../core/budgets/limits.ts';
import { centsFromMicros, isWholeMicros, microsFromCents } from '../core/budgets/money.ts';
import { dayOf, nextDay } from '../core/days.ts';
import { Problem } from '../core/errors.ts';
import { checked } from '../core/http.ts';
import type { Fields } from '../core/ports.ts';
import { agentOf } from '../core/registry/registry.ts';
import type { Runtime } from '../core/runtime.ts';
import { committedMicros, type JsonObject, ownMicros } from '../core/task.ts';
import { ownTask } from './task-view.ts';

const MAX_SCOPES = 500;

/** The body of `PUT /budgets/{scope}`. */
export const budgetBody = z.strictObject({
  /** `null` lifts the limit. */
  limitCents: z
    .number()
    .min(0, 'is negative')
    .max(100_000_000_000)
    .refine(isWholeMicros, 'has a fraction below a micro-dollar (0.0001 cents)')
    .nullable(),
  mode: z.enum(['plain', 'leased']).default('plain'),
});

/** The limits of the caller's tenant, each with what is held and spent of it today. */
export async function listBudgets(runtime: Runtime, caller: Caller): Promise<JsonObject> {
  const limits = await readLimits(runtime, caller.tenant);
  const scopes = Object.keys(limits).sort();
  return { budgets: await Promise.all(scopes.map((scope) => dayView(runtime, caller.tenant, scope, limits[scope] as Limit))) };
}

/** One budget: `tenant`, `agent:<name>`, or `task:<id>` for what a task and its children share. Throws `Problem` 404. */
export async function getBudget(runtime: Runtime, caller: Caller, scope: string): Promise<JsonObject> {
  if (scope.startsWith('task:')) return familyView(runtime, caller, scope.slice('task:'.length));
  const limits = await readLimits(runtime, caller.tenant);
  const limit = Object.hasOwn(limits, scope) ? limits[scope] : undefined;
  if (limit === undefined) throw new Problem(404, 'budget_not_found', `No limit is set for '${scope.slice(0, 100)}'.`);
  return dayView(runtime, caller.tenant, scope, limit);
}

/**
 * Sets or lifts a limit. Tasks that were created under no limit are not counted; a lower limit lets what is held run on, and
 * admits nothing until there is room. Throws `Problem` 404 `budget_not_found`, 422.
 */
export async function putBudget(runtime: Runtime, caller: Caller, scope: string, given: unknown): Promise<JsonObject> {
  const { limitCents, mode } = checked(budgetBody, given);
  const { tenant, name } = caller;
  let view: JsonObject = {};
  await post(runtime, tenant, async (accounts) => {
    const now = runtime.clock.now();
    const today = dayOf(now);
    const known = (await accounts.get(LIMITS, limitsId(tenant))) ?? newTenant(tenant, now);
    const limits = known.scopes as Limits;
    const before = Object.hasOwn(limits, scope) ? limits[scope] : undefined;
    const { [scope]: _, ...others } = limits;
    if (before === undefined && !(await isScope(runtime, tenant, scope))) {
      throw new Problem(
        404,
        'budget_not_found',
        `There is no budget '${scope.slice(0, 100)}'. It is 'tenant', or 'agent:' and one of ${runtime.agents.names.join(', ')}, or of those that GET /agents lists.`,
      );
    }
    if (before === undefined && Object.keys(others).length >= MAX_SCOPES)
      throw new Problem(409, 'too_many_budgets', `A tenant has at most ${MAX_SCOPES} limits; lift one first.`);
    const effectiveAt = before === undefined ? now + runtime.settings.times.limitsCacheMs : now;
    const limit: Limit | undefined =
      limitCents === null
        ? undefined
        : { limitMicros: microsFromCents(limitCents), mode, effectiveAt, changedAt: now, changedBy: name };
    accounts.set(LIMITS, limitsId(tenant), { ...known, scopes: limit === undefined ? others : { ...others, [scope]: limit } });
    const change = { limitMicros: limit?.limitMicros ?? null, mode };
    // Also the next day's, which an instance may just be making from the limit as it was.
    for (const day of [nextDay(today), today]) {
      const id = budgetId(tenant, scope, day);
      const stored = (await accounts.get(BUDGETS, id)) as unknown as Budget | undefined;
      const budget = { ...(stored ?? freshBudget(tenant, scope, day, { limitMicros: 0, mode })), ...change };
      accounts.set(BUDGETS, id, budget as unknown as Fields);
      view = viewOf(budget, limit);
    }
    return [];
  });
  forgetLimits(runtime, tenant);
  return view;
}

async function isScope(runtime: Runtime, tenant: string, scope: string): Promise<boolean> {
  if (scope === 'tenant') return true;
  return scope.startsWith('agent:') && (await agentOf(runtime, tenant, scope.slice('agent:'.length))) !== undefined;
}

async function dayView(runtime: Runtime, tenant: string, scope: string, limit: Limit): Promise<JsonObject> {
  const day = dayOf(runtime.clock.now());
  const stored = await runtime.documents.get(BUDGETS, budgetId(tenant, scope, day));
  return viewOf((stored?.data as unknown as Budget | undefined) ?? freshBudget(tenant, scope, day, limit), limit);
}

function viewOf(budget: Budget, limit: Limit | undefined): JsonObject {
  const { scope, day, limitMicros, mode, heldMicros, spentMicros } = budget;
  return {
    scope,
    period: 'day',
    day,
    mode,
    limitCents: typeof limitMicros === 'number' ? centsFromMicros(limitMicros) : null,
    heldCents: centsFromMicros(heldMicros),
    spentCents: centsFromMicros(spentMicros),
    freeCents: typeof limitMicros === 'number' ? centsFromMicros(freeMicros(budget)) : null,
    ...(limit === undefined ? {} : { effectiveAt: new Date(limit.effectiveAt).toISOString() }),
  };
}

/** What a task's budget has come to: reserved by its attempts and its children, spent by both, and free. */
async function familyView(runtime: Runtime, caller: Caller, name: string): Promise<JsonObject> {
  const { id, task } = await ownTask(runtime, caller, name);
  const spent = task.charges
    .filter(({ epoch }) => epoch > task.budgetFromEpoch)
    .reduce((sum, { costMicros }) => sum + (costMicros ?? 0), 0);
  return {
    scope: `task:${id}`,
    period: 'task',
    limitCents: centsFromMicros(task.budgetMicros),
    heldCents: centsFromMicros(ownMicros(task) - spent + (task.children?.heldMicros ?? 0)),
    spentCents: centsFromMicros(spent + (task.children?.spentMicros ?? 0)),
    freeCents: centsFromMicros(task.budgetMicros - committedMicros(task)),
  };
}
