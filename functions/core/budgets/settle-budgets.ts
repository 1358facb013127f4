/**
 * Settling what a task holds, once it and its children have ended: what is left of each hold is free again, what was spent is
 * booked. One commit moves the amounts and clears the follow-up, so it happens once however often it is tried.
 */

import type { Runtime } from '../runtime.ts';
import { changeWrites, TASKS, type Writers } from '../store.ts';
import { type Booked, type FollowUp, type Hold, isEnded, type Known, lifeOf, ownMicros, type TaskCore } from '../task.ts';
import { fromDocument } from '../task-document.ts';
import type { Accounts } from './accounts.ts';
import { book } from './budget.ts';
import { bookLate } from './cost-days.ts';
import { NO_CHILDREN, stateOf } from './holds.ts';
import { type LedgerParts, post } from './ledger.ts';

type Settlers = Writers & LedgerParts & Pick<Runtime, 'settings'>;

/** Whether nothing of the task's family is under way any more, so that its holds can be settled. */
export const canSettle = ({ holds, children }: Pick<TaskCore, 'holds' | 'children'>): boolean =>
  holds !== undefined && holds.length > 0 && (children?.open ?? 0) === 0;

/**
 * Settles the holds of an ended task and clears `done` from what is pending. Returns the parent when that has ended before and
 * can now be settled too. Throws `PreconditionFailed` when the version has moved on.
 */
export async function settleBudgets(runtime: Settlers, known: Known, done: readonly FollowUp[]): Promise<string | undefined> {
  const { task } = known;
  const spent = spendingOf(task);
  let parent: string | undefined;
  await post(runtime, task.tenant, async (accounts) => {
    parent = undefined;
    const holds: Hold[] = [];
    for (const hold of task.holds ?? []) {
      const booked = bookingOf(hold, spent);
      const spentSince = booked.spentMicros - (hold.booked?.spentMicros ?? 0);
      if (hold.kind === 'costs') {
        const attempts = hold.booked === undefined ? ownAttempts(task) : 0;
        await bookLate(accounts, known, { attempts, costMicros: spentSince });
      } else if (hold.kind !== 'parent') await book(accounts, hold.id, hold.booked === undefined ? hold.micros : 0, spentSince);
      else if (await bookAtParent(runtime, accounts, hold, booked)) parent = hold.id;
      holds.push({ ...hold, booked });
    }
    const pending = (task.pending ?? []).filter((one) => !done.includes(one));
    const change = {
      set: { holds, ...(pending.length > 0 ? { pending } : {}) },
      remove: pending.length > 0 ? [] : (['pending', 'wakeAt'] as const),
    };
    return (await changeWrites(runtime, known, change)).writes;
  });
  return parent;
}

/** How many attempts ran in its present life. */
const ownAttempts = ({ charges, budgetFromEpoch }: TaskCore): number =>
  charges.filter(({ epoch }) => epoch > budgetFromEpoch).length;

interface Spending extends Booked {
  readonly ownMicros: number;
}

/** What the task and its children cost in its present life; `coveredMicros` is what counts for its own agent. */
function spendingOf(task: TaskCore): Spending {
  const own = ownMicros(task);
  const { spentMicros, coveredMicros } = task.children ?? NO_CHILDREN;
  return { ownMicros: own, spentMicros: own + spentMicros, coveredMicros: own + coveredMicros };
}

function bookingOf(hold: Hold, spent: Spending): Booked {
  if (hold.kind === 'costs') return { spentMicros: spent.ownMicros, coveredMicros: 0 };
  if (hold.kind === 'agent') return { spentMicros: spent.coveredMicros, coveredMicros: 0 };
  const covered = hold.kind === 'parent' && hold.covers?.includes('agent');
  return { spentMicros: spent.spentMicros, coveredMicros: covered ? spent.coveredMicros : 0 };
}

/** Whether the parent can be settled now. */
async function bookAtParent(runtime: Settlers, accounts: Accounts, hold: Hold, booked: Booked): Promise<boolean> {
  const document = await accounts.get(TASKS, hold.id);
  const parent = document && fromDocument(document);
  // Its retention has ended, and with it what it held; or it has a new life, with a budget of its own.
  if (parent === undefined || lifeOf(parent) !== hold.life) return false;
  const before = parent.children ?? NO_CHILDREN;
  const isFirst = hold.booked === undefined;
  const children = {
    open: before.open - (isFirst ? 1 : 0),
    heldMicros: before.heldMicros - (isFirst ? hold.micros : 0),
    spentMicros: before.spentMicros + booked.spentMicros - (hold.booked?.spentMicros ?? 0),
    coveredMicros: before.coveredMicros + booked.coveredMicros - (hold.booked?.coveredMicros ?? 0),
  };
  const due = isEnded(parent.status) && canSettle({ holds: parent.holds, children });
  if (!due) {
    accounts.set(TASKS, hold.id, stateOf(parent, { children }));
    return false;
  }
  const pending: FollowUp[] = [...new Set<FollowUp>([...(parent.pending ?? []), 'budget'])];
  const wakeAt = Math.min(parent.wakeAt ?? Number.POSITIVE_INFINITY, runtime.clock.now() + runtime.settings.times.republishMs);
  accounts.set(TASKS, hold.id, stateOf(parent, { children, pending, wakeAt }));
  return true;
}
