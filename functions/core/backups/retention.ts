/** Which backups are kept. A pure rule, so that it can be shown before it is applied. */

import { backupTime } from './manifest.ts';

/** How many are kept of each kind; one backup may be kept for several reasons. The newest one is always kept. */
export interface RetentionPolicy {
  /** The newest ones. */
  readonly last: number;
  /** The newest of each of so many UTC days that have one. */
  readonly daily: number;
  /** The newest of each of so many ISO weeks (UTC) that have one. */
  readonly weekly: number;
}

const DAY_MS = 86_400_000;
/** The first Monday: weeks are counted from it. */
const MONDAY_MS = 4 * DAY_MS;

/** The backups that the policy does not keep, the oldest first. Their ids tell their times. */
export function notKept(backupIds: readonly string[], policy: RetentionPolicy): string[] {
  const newestFirst = backupIds.toSorted().reverse();
  const days = newestOfEach(newestFirst, (id) => Math.floor(backupTime(id) / DAY_MS));
  const weeks = newestOfEach(newestFirst, (id) => Math.floor((backupTime(id) - MONDAY_MS) / (7 * DAY_MS)));
  const kept = new Set([
    ...newestFirst.slice(0, Math.max(1, policy.last)),
    ...days.slice(0, policy.daily),
    ...weeks.slice(0, policy.weekly),
  ]);
  return newestFirst.filter((id) => !kept.has(id)).reverse();
}

function newestOfEach(newestFirst: readonly string[], periodOf: (id: string) => number): string[] {
  const newest = new Map<number, string>();
  for (const id of newestFirst) if (!newest.has(periodOf(id))) newest.set(periodOf(id), id);
  return [...newest.values()];
}
