/**
 * What a task holds of budgets that it shares with others: its parent's, and its agent's and tenant's of the day. Held in the
 * commit that creates (or redrives) it, booked when it and its children have ended.
 */

import { dayOf } from '../days.ts';
import { Problem } from '../errors.ts';
import type { Documents, Fields, Write, Written } from '../ports.ts';
import type { Runtime } from '../runtime.ts';
import { TASKS } from '../store.ts';
import { type Children, committedMicros, type Hold, isEnded, isTaskId, lifeOf, type Shared, type Task } from '../task.ts';
import { fromDocument, toDocument } from '../task-document.ts';
import type { Accounts } from './accounts.ts';
import { take } from './budget.ts';
import { type LedgerParts, post } from './ledger.ts';
import { type Limits, limitsOf, readLimits } from './limits.ts';
import { centsFromMicros } from './money.ts';

type Holders = LedgerParts & Pick<Runtime, 'settings'>;

/** Who holds, and how much: all that its attempts may cost. */
export interface Holder {
  readonly tenant: string;
  readonly agent: string;
  readonly budgetMicros: number;
  readonly parentTaskId?: string;
  /** Whether its cost is to be booked in a day that may have been added up. */
  readonly late?: boolean;
  /** Tasks that it reads and marks in the same commit. */
  readonly dependencies?: readonly string[];
}

/**
 * Commits writes together with the holds that they need; without any limit, parent or dependency it is a plain commit. `writes`
 * makes them from the holds, and may read and write other shared documents. Throws `Problem` 402 `budget_exceeded`, 409 `parent_ended`, 422 `parent_not_found`; `PreconditionFailed`.
 */
export async function commitHolding(
  runtime: Holders,
  holder: Holder,
  writes: (holds: readonly Hold[] | undefined, accounts?: Accounts) => Promise<readonly Write[]>,
): Promise<readonly Written[]> {
  const limits = await limitsOf(runtime, holder.tenant);
  const isLimited = scopesOf(holder).some((scope) => Object.hasOwn(limits, scope));
  const isAlone = holder.parentTaskId === undefined && holder.dependencies === undefined;
  if (!isLimited && isAlone && !holder.late) return runtime.documents.commit(await writes(undefined));
  return post(runtime, holder.tenant, async (accounts) => {
    const holds = await takeAll(runtime, accounts, holder, limits);
    return writes(holds.length > 0 ? holds : undefined, accounts);
  });
}

const scopesOf = ({ agent }: Holder): string[] => ['tenant', `agent:${agent}`];

async function takeAll(runtime: Holders, accounts: Accounts, holder: Holder, limits: Limits): Promise<Hold[]> {
  const { tenant, agent, budgetMicros: micros } = holder;
  const holds: Hold[] = [];
  const parent = holder.parentTaskId === undefined ? undefined : await takeFromParent(accounts, holder, holder.parentTaskId);
  if (parent !== undefined) holds.push(parent);
  const now = runtime.clock.now();
  const kinds: readonly Shared[] = ['tenant', 'agent'];
  for (const kind of kinds) {
    const scope = kind === 'tenant' ? kind : `agent:${agent}`;
    if (parent?.covers?.includes(kind) || !Object.hasOwn(limits, scope)) continue;
    const limit = async () => (await readLimits(runtime, tenant))[scope];
    const taken = await take(accounts, { tenant, scope, day: dayOf(now), micros, limit, instance: instanceOf(runtime), now });
    if (taken !== undefined) holds.push({ kind, id: taken.id, micros, ...(taken.leased ? { leased: true } : {}) });
  }
  return holder.late ? [...holds, { kind: 'costs', id: '', micros: 0 }] : holds;
}

/** A child's budget comes out of its parent's, in the parent's own document, which also tells that the parent has not ended. */
async function takeFromParent(accounts: Accounts, { tenant, agent, budgetMicros }: Holder, id: string): Promise<Hold> {
  const document = isTaskId(id) ? await accounts.get(TASKS, id) : undefined;
  const parent = document && fromDocument(document);
  if (parent === undefined || parent.tenant !== tenant) {
    throw parentProblem(422, 'parent_not_found', `There is no task ${id.slice(0, 100)} to be the parent.`, 'names no task');
  }
  if (isEnded(parent.status)) {
    throw parentProblem(409, 'parent_ended', `Task ${id} has ended; it can have no more children.`, 'names a task that has ended');
  }
  const free = parent.budgetMicros - committedMicros(parent);
  if (budgetMicros > free) {
    throw new Problem(
      402,
      'budget_exceeded',
      `The parent task ${id} has ${centsFromMicros(free)} cents left of its budget; this task would take ${centsFromMicros(budgetMicros)}. ` +
        'Give it a smaller budgetCents, or the parent a larger one.',
      { fields: [{ field: 'budgetCents', code: 'budget_exceeded', message: 'is more than the parent has left' }] },
    );
  }
  const children: Children = {
    ...(parent.children ?? NO_CHILDREN),
    open: (parent.children?.open ?? 0) + 1,
    heldMicros: (parent.children?.heldMicros ?? 0) + budgetMicros,
  };
  accounts.set(TASKS, id, stateOf(parent, { children }));
  return { kind: 'parent', id, micros: budgetMicros, life: lifeOf(parent), covers: coverOf(parent, agent) };
}

/** Of a task without children. */
export const NO_CHILDREN: Children = { open: 0, heldMicros: 0, spentMicros: 0, coveredMicros: 0 };

/** What the parent's own holds cover for a child: the tenant's always, the agent's if they have the same agent. */
function coverOf(parent: Task, agent: string): Shared[] {
  const held = (kind: Shared): boolean =>
    parent.holds?.some((hold) => hold.kind === kind || (hold.kind === 'parent' && hold.covers?.includes(kind))) ?? false;
  const covers: Shared[] = [];
  if (held('tenant')) covers.push('tenant');
  if (parent.agent === agent && held('agent')) covers.push('agent');
  return covers;
}

/** The fields of a task's document that change with a part of its state. */
export function stateOf(task: Task, change: Partial<Task>): Fields {
  const { state, ...own } = toDocument({ ...task, ...change } as unknown as Record<string, unknown>);
  const changed = Object.fromEntries(Object.keys(change).flatMap((field) => (field in own ? [[field, own[field]]] : [])));
  return { state, ...changed };
}

const instances = new WeakMap<Documents, string>();

/** The name under which this instance has its allowances. */
function instanceOf({ documents, ids }: LedgerParts): string {
  const instance = instances.get(documents) ?? ids.random(8);
  instances.set(documents, instance);
  return instance;
}

function parentProblem(status: number, code: string, detail: string, message: string): Problem {
  return new Problem(status, code, detail, { fields: [{ field: 'parentTaskId', code, message }] });
}
