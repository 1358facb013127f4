/** The whole timeline of a task: what its document holds, and what was moved out of it before. */

import type { Documents, Query } from '../ports.ts';
import { TIMELINES } from '../store.ts';
import type { Task, TimelineEntry } from '../task.ts';

/** A few of them have as many bytes as a page of tasks. */
const PAGE = 10;

/** Older entries as they lie in a document of their own: `from` entries come before them. */
export interface Moved {
  readonly id: string;
  readonly from: number;
  readonly entries: readonly TimelineEntry[];
}

/** What was moved out, oldest first, of this task and of one that had its id before. */
export async function* movedOut({ documents }: { readonly documents: Documents }, taskId: string): AsyncGenerator<Moved> {
  let after: Query['after'];
  for (;;) {
    const orderBy = { field: 'from', direction: 'asc' } as const;
    const query = { equal: { taskId }, orderBy, limit: PAGE, ...(after ? { after } : {}) };
    const { documents: found } = await documents.query(TIMELINES, query);
    for (const { id, data } of found) yield { id, from: data.from as number, entries: data.entries as TimelineEntry[] };
    const last = found.at(-1);
    if (last === undefined || found.length < PAGE) return;
    after = { value: last.data.from as number, id: last.id };
  }
}

/** An entry with its place in the whole timeline, counted from 1. */
export type Numbered = TimelineEntry & { readonly number: number };

/** All that is left of a task's timeline, oldest first. */
export async function wholeTimeline(runtime: { readonly documents: Documents }, id: string, task: Task): Promise<Numbered[]> {
  const { moved = 0 } = task.chain;
  const entries: Numbered[] = [];
  const add = (from: number, some: readonly TimelineEntry[]) =>
    entries.push(...some.map((entry, index) => ({ ...entry, number: from + index + 1 })));
  if (moved > 0) {
    for await (const { from, entries: some } of movedOut(runtime, id)) {
      // Not what was moved since the task was read, nor of one that had its id before.
      if (from < moved && (some[0]?.at ?? 0) >= task.createdAt) add(from, some);
    }
  }
  add(moved, task.timeline);
  return entries;
}
