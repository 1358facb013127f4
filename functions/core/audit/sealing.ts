/** Which decisions the next seal of the audit chains has to hold, and where sealing stands. */

import { isEnded, type TaskCore } from '../task.ts';

/**
 * What a decision about a task, as it then is, sets for the sealing that goes by this time. A task on its straight way sets it
 * when it has ended, so that it is read and sealed once; one that waits, is parked, was tried again or redriven, at each decision,
 * since its end may be days away.
 */
export function sealTime(task: TaskCore, now: number): { readonly sealAt?: number } {
  const { status, epoch, parked, deadLetters } = task;
  const isStraight = !isEnded(status) && status !== 'waiting' && epoch <= 1 && !parked && deadLetters === undefined;
  return isStraight && task.sealAt === undefined ? {} : { sealAt: now };
}
