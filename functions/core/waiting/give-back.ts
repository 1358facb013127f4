/** What a task gives back that has not ended: while it is paused, others can use it. */

import type { Write } from '../ports.ts';
import type { Task, TaskCore } from '../task.ts';
import { BACKUP, isLock } from './gate-names.ts';
import { gatesTaken, SLOTS } from './taken.ts';

/** For the commit that gives it back. */
export interface GivenBack {
  /** Where something is free then. */
  readonly freed: readonly string[];
  /** What the task has to pass again: others may change its project meanwhile, so its backup is one from before. */
  readonly again: readonly string[];
  readonly also: readonly Write[];
  readonly remove: readonly (keyof Task)[];
}

export function givingBack(task: TaskCore): GivenBack {
  const { took = [] } = task;
  const freed = gatesTaken(task);
  return {
    freed,
    again: freed.flatMap((gate) => (isLock(gate) ? [gate, BACKUP] : [gate])),
    // As long as it has not ended, they are its own.
    also: took.map((id) => ({ kind: 'delete', collection: SLOTS, id })),
    remove: took.length === 0 ? [] : ['took', 'lockedAt', 'backupId', 'wakeDelayMs'],
  };
}
