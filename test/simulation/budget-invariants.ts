/** What must hold of shared budgets: at every commit, and when all has ended. */

import { type Allowance, type Budget, freeMicros } from '../../functions/core/budgets/budget.ts';
import { type Hold, isEnded, lifeOf, ownMicros, type Task } from '../../functions/core/task.ts';
import { fromDocument } from '../../functions/core/task-document.ts';
import type { StoreChange } from './store.ts';
import type { World } from './world.ts';

const isOfDay = ({ kind }: Hold): boolean => kind === 'tenant' || kind === 'agent';

/** Adds the books up after each commit that touches them. */
export function watchBudgets(world: World): void {
  const { documents, oracle } = world;
  /** What tasks had booked in lives that a redrive ended: their documents no longer say so. */
  const past = new Map<string, number>();

  documents.onCommit((changes) => {
    for (const change of changes) {
      if (change.collection === 'budgets') checkCap(change);
      if (change.collection === 'tasks') checkLife(change);
    }
    if (documents.all('budgets').size > 0) checkSums();
  });

  function checkCap({ id, before, after }: StoreChange): void {
    const now = after as unknown as Budget;
    const was = before as unknown as Budget | undefined;
    const taken = now.heldMicros + now.spentMicros;
    const grew = taken > (was === undefined ? 0 : was.heldMicros + was.spentMicros);
    if (grew && taken > (now.limitMicros ?? Infinity)) {
      oracle.violated(
        'no budget is exceeded',
        `${now.scope} of ${now.day} (${id}): ${JSON.stringify(was)} -> ${JSON.stringify(now)}`,
      );
    }
    if (now.heldMicros < 0 || now.spentMicros < 0 || freeMicros(now) < 0) {
      oracle.violated('no amount falls below nothing', `${now.scope} of ${now.day}: ${JSON.stringify(now)}`);
    }
  }

  function checkLife({ id, before, after }: StoreChange): void {
    const was = before && fromDocument(before);
    const now = after && fromDocument(after);
    if (was !== undefined && now !== undefined && was.redrives !== now.redrives) {
      for (const hold of was.holds ?? []) {
        if (!isOfDay(hold)) continue;
        if (hold.booked === undefined)
          oracle.violated('a life ends with its holds', `${id} was redriven with ${JSON.stringify(hold)}`);
        past.set(hold.id, (past.get(hold.id) ?? 0) + (hold.booked?.spentMicros ?? 0));
      }
    }
    const parent = was === undefined ? now?.holds?.find(({ kind }) => kind === 'parent') : undefined;
    const parentData = parent && documents.all('tasks').get(parent.id)?.data;
    if (parentData !== undefined && isEnded(fromDocument(parentData).status)) {
      oracle.violated('no child is born to an ended parent', `${id} of ${parent?.id}`);
    }
  }

  /** What a budget holds and has spent is what tasks and allowances say of it, to the micro-dollar. */
  function checkSums(): void {
    const held = new Map<string, number>();
    const spent = new Map(past);
    const add = (to: Map<string, number>, id: string, micros: number) => to.set(id, (to.get(id) ?? 0) + micros);
    for (const { data } of documents.all('tasks').values()) {
      for (const hold of (fromDocument(data).holds ?? []).filter(isOfDay)) {
        if (hold.booked === undefined) add(held, hold.id, hold.micros);
        else add(spent, hold.id, hold.booked.spentMicros);
      }
    }
    for (const { data } of documents.all('allowances').values()) {
      const { budget, freeMicros: free } = data as unknown as Allowance;
      if (free < 0) oracle.violated('no amount falls below nothing', `an allowance of ${budget}: ${free}`);
      add(held, budget, free);
    }
    for (const [id, { data }] of documents.all('budgets')) {
      const { heldMicros, spentMicros, scope, day } = data as unknown as Budget;
      const expected = [held.get(id) ?? 0, spent.get(id) ?? 0];
      if (heldMicros !== expected[0] || spentMicros !== expected[1]) {
        oracle.violated(
          'held and spent add up',
          `${scope} of ${day}: ${heldMicros} and ${spentMicros}, not ${expected.join(' and ')}`,
        );
      }
    }
  }
}

/** Nothing is held any more, and what was booked is what the tasks and their children cost. */
export function checkSettled({ documents, oracle }: World, tasks: ReadonlyMap<string, Task>): void {
  for (const { data } of documents.all('budgets').values()) {
    const { heldMicros, scope, day } = data as unknown as Budget;
    if (heldMicros !== 0) oracle.violated('what was held is given back', `${scope} of ${day}: ${heldMicros}`);
  }
  for (const [id, task] of tasks) {
    const { children, holds = [] } = task;
    const cost = ownMicros(task) + (children?.spentMicros ?? 0);
    const covered = ownMicros(task) + (children?.coveredMicros ?? 0);
    for (const { kind, booked } of holds) {
      const expected = kind === 'agent' ? covered : cost;
      if (kind !== 'costs' && booked?.spentMicros !== expected) {
        oracle.violated('what was spent is booked', `${id}: ${booked?.spentMicros} of ${expected} at its ${kind}`);
      }
    }
    if (children === undefined) continue;
    if (children.open !== 0 || children.heldMicros !== 0)
      oracle.violated('what was held is given back', `${id}: ${JSON.stringify(children)}`);
    const ofThisLife = [...tasks.values()].flatMap((child) =>
      (child.holds ?? []).filter((hold) => hold.kind === 'parent' && hold.id === id && hold.life === lifeOf(task)),
    );
    const booked = ofThisLife.reduce((sum, hold) => sum + (hold.booked?.spentMicros ?? 0), 0);
    if (booked > children.spentMicros)
      oracle.violated('what was spent is booked', `${id}: ${children.spentMicros} of ${booked} by children`);
  }
}
