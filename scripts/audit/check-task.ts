/** Checks the timeline of one task, with what was moved out of its document. */

import { entriesIn, type SealedTask } from '../../functions/core/audit/seals.ts';
import { type Moved, movedOut } from '../../functions/core/audit/timelines.ts';
import { timelineStart } from '../../functions/core/signing.ts';
import { TASKS } from '../../functions/core/store.ts';
import type { Task, TimelineEntry } from '../../functions/core/task.ts';
import { fromDocument } from '../../functions/core/task-document.ts';
import { chainCheck } from './chain-check.ts';
import type { Finding } from './finding.ts';
import type { Checked } from './verify.ts';

/** Clocks of whoever ends a retention, and stores that are late. */
const SKEW_MS = 60_000;

/** The task as it was read. */
export async function checkTask(checked: Checked, id: string, task: Task): Promise<Finding[]> {
  const entity = `task:${id}`;
  const check = chainCheck(checked.signing, entity, timelineStart(task.tenant, id));
  const findings: Finding[] = [];
  const { moved = 0, head } = task.chain;
  let number = 0;
  const add = (entries: readonly TimelineEntry[]) => {
    for (const entry of entries) check.add(++number, entry);
  };
  /** Entries up to `end` are not there: their retention may have ended, as they lie by themselves. */
  const skip = (end: number, next: TimelineEntry | undefined) => {
    if (number >= end) return;
    const keptUntil = (next?.at ?? 0) + 2 * checked.settings.times.retentionMs - SKEW_MS;
    if (checked.clock.now() < keptUntil) {
      const why = `The entries ${number + 1} to ${end}, which were moved out of its document, are gone.`;
      findings.push({ entity, number: number + 1, kind: 'deleted', why });
    }
    check.forget();
    number = end;
  };
  if (moved > 0) {
    for await (const { from, entries } of ownMoved(checked, id, task)) {
      skip(from, entries[0]);
      add(entries);
    }
  }
  skip(moved, task.timeline[0]);
  add(task.timeline);
  return [...findings, ...check.end(head, entriesIn(task.chain))];
}

/** Of this life of the id, and from before the task was read. */
async function* ownMoved({ documents }: Checked, id: string, { chain, createdAt }: Task): AsyncGenerator<Moved> {
  for await (const piece of movedOut({ documents }, id))
    if (piece.from < (chain.moved ?? 0) && (piece.entries[0]?.at ?? 0) >= createdAt) yield piece;
}

/** Whether what was sealed of a task is still there, as long as it has to be. */
export async function checkSealedTask(checked: Checked, sealed: SealedTask, by: string): Promise<Finding[]> {
  const { documents, clock } = checked;
  // From then on it may be gone, or its id be another task's.
  if (clock.now() >= sealed.until - SKEW_MS) return [];
  const entity = `task:${sealed.task}`;
  const stored = await documents.get(TASKS, sealed.task);
  const kept = `it is kept until ${new Date(sealed.until).toISOString()}`;
  if (stored === undefined) return [{ entity, kind: 'removed', why: `${by} has ${sealed.count} entries of it, and ${kept}.` }];
  const task = fromDocument(stored.data);
  const { moved = 0 } = task.chain;
  const count = entriesIn(task.chain);
  if (count < sealed.count) {
    const why = `${by} has ${sealed.count} entries of it, its head counts ${count}.`;
    return [{ entity, number: count + 1, kind: 'truncated', why }];
  }
  const entry = sealed.count > moved ? task.timeline[sealed.count - moved - 1] : await movedEntry(checked, sealed, task);
  if (entry === undefined || entry.hash === sealed.head) return [];
  return [{ entity, number: sealed.count, kind: 'edited', why: `${by} has another hash of it.` }];
}

async function movedEntry(checked: Checked, { task: id, count }: SealedTask, task: Task): Promise<TimelineEntry | undefined> {
  for await (const { from, entries } of ownMoved(checked, id, task))
    if (count > from && count <= from + entries.length) return entries[count - from - 1];
  return undefined;
}
