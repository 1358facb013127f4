/**
 * How a task's document is read and written. Every write is a change to a known version; when the version has moved on, the
 * writer reads and decides anew. Each decision appends to the timeline in the write that makes it.
 */

import { sealTime } from './audit/sealing.ts';
import { Problem } from './errors.ts';
import { measured } from './measures.ts';
import { type Fields, PreconditionFailed, SERVER_TIME, type Write, type Written } from './ports.ts';
import type { Runtime } from './runtime.ts';
import { chained } from './signing.ts';
import { type ChainHead, coreOf, isEnded, isTaskId, type Known, type Task, type TaskCore, type TimelineEntry } from './task.ts';
import { fromDocument, hasOwnField, toDocument } from './task-document.ts';

export const TASKS = 'tasks';
/** Of the older entries of long timelines: `from` is how many entries come before those of the document. */
export const TIMELINES = 'timelines';
/** Documents are spread at random over this many values of `shard`; what lists them asks each shard. */
export const SHARDS = 16;
const MAX_TIMELINE = 200;
const MOVED_AT_ONCE = 100;
const MAX_TRIES = 20;

export type Writers = Pick<Runtime, 'documents' | 'signing' | 'clock' | 'settings'>;

/** A decided change: fields to set and remove, and what the timeline says of it (renewals say nothing). */
export interface Change {
  readonly set: Partial<Omit<Task, 'leasedAt'>> & { readonly leasedAt?: typeof SERVER_TIME };
  readonly remove?: readonly (keyof Task)[];
  readonly event?: { readonly event: string; readonly [detail: string]: unknown };
  /** Writes of other documents that belong to the same commit. */
  readonly also?: readonly Write[];
}

/** Reads a task; `undefined` when there is none or its retention has ended (stores delete late). */
export async function readTask(runtime: Pick<Runtime, 'documents' | 'clock'>, id: string): Promise<Known<Task> | undefined> {
  if (!isTaskId(id)) return undefined;
  const stored = await runtime.documents.get(TASKS, id);
  if (stored === undefined) return undefined;
  const task = fromDocument(stored.data);
  if (task.expireAt !== undefined && task.expireAt <= runtime.clock.now()) return undefined;
  return { id, version: stored.version, task };
}

/**
 * Writes a change under the known version and returns what is then known.
 * Throws `PreconditionFailed` when the version has moved on.
 */
export async function writeChange(runtime: Writers, known: Known, change: Change): Promise<Known> {
  const { writes, after } = await changeWrites(runtime, known, change);
  return after(await runtime.documents.commit(writes));
}

/** The writes that a change takes, for a commit that holds more, and what is known once they are `written` (the same places). */
export async function changeWrites(
  runtime: Writers,
  known: Known,
  change: Change,
): Promise<{ readonly writes: readonly Write[]; after(written: readonly Written[]): Known }> {
  const now = runtime.clock.now();
  const link = change.event && chained(runtime.signing, known.task.chain, { at: now, ...change.event });
  const task: Fields = { ...known.task, ...change.set, updatedAt: now, ...(link ? { chain: link.chain } : {}) };
  for (const field of change.remove ?? []) delete task[field];
  const toSeal = link ? sealTime(task as unknown as TaskCore, now) : {};
  Object.assign(task, toSeal);
  const sealed = { ...change, set: { ...change.set, ...toSeal } };
  const own = await writesOf(runtime, known, sealed, coreOf(task as unknown as TaskCore), link);
  const writes = [...own, ...(change.also ?? [])];
  const state = (writes[0] as Update).set?.state as TaskCore | undefined;
  return {
    writes,
    after([written]) {
      if (written === undefined) throw new Problem(500, 'internal', 'A commit returned no version.');
      const { status } = change.set;
      if (status !== undefined && isEnded(status)) measured(() => ({ kind: 'ended', agent: known.task.agent, status }));
      const leasedAt = task.leasedAt === SERVER_TIME ? { leasedAt: written.at } : {};
      return { id: known.id, version: written.version, task: coreOf({ ...task, ...state, ...leasedAt } as unknown as TaskCore) };
    },
  };
}

type Link = { readonly entry: TimelineEntry; readonly chain: ChainHead };

async function writesOf(runtime: Writers, known: Known, change: Change, core: TaskCore, link: Link | undefined): Promise<Write[]> {
  const { state } = toDocument(core as unknown as Fields);
  const own = Object.fromEntries(Object.entries(change.set).filter(([field]) => hasOwnField(field)));
  const update: Update = {
    kind: 'update',
    collection: TASKS,
    id: known.id,
    version: known.version,
    set: { ...own, state },
    remove: change.remove?.filter(hasOwnField),
  };
  if (link === undefined) return [update];
  if (link.chain.count > MAX_TIMELINE) return movingTimeline(runtime, known, update, link);
  return [{ ...update, append: { timeline: [link.entry] } }];
}

type Update = Extract<Write, { kind: 'update' }>;

/** The oldest hundred entries of a full timeline go to a document of their own, in the commit that appends. */
async function movingTimeline(runtime: Writers, known: Known, update: Update, link: Link): Promise<Write[]> {
  const stored = await runtime.documents.get(TASKS, known.id);
  if (stored?.version !== known.version) throw new PreconditionFailed(`${known.id} has moved on`);
  const timeline = stored.data.timeline as TimelineEntry[];
  const from = known.task.chain.moved ?? 0;
  const chain = { head: link.chain.head, count: timeline.length - MOVED_AT_ONCE + 1, moved: from + MOVED_AT_ONCE };
  const state = { ...(update.set?.state as Fields), chain };
  const set: Fields = { ...update.set, state, timeline: [...timeline.slice(MOVED_AT_ONCE), link.entry] };
  // Nobody comes back to an archive when its task ends: it gets its end now, well behind the task's own.
  const expireAt = Math.max(runtime.clock.now(), known.task.ttl * 1000) + 2 * runtime.settings.times.retentionMs;
  const archive = { taskId: known.id, from, entries: timeline.slice(0, MOVED_AT_ONCE), expireAt };
  const id = `${known.id}-${timeline[0]?.hash.slice(0, 16)}`;
  return [
    { ...update, set },
    { kind: 'create', collection: TIMELINES, id, data: archive },
  ];
}

/**
 * Decides on what is known, writes, and decides anew on what is found when the version had moved on. `decide` returns a change
 * to write, or any other value as the answer. Without `known` it reads first. `absent` is the answer when there is no task.
 */
export async function decideAndWrite<T>(
  runtime: Writers,
  id: string,
  known: Known | undefined,
  decide: (known: Known) => Decision<T>,
  absent: T,
): Promise<T> {
  let current: Known | undefined = known ?? (await readTask(runtime, id));
  for (let tries = 0; tries < MAX_TRIES; tries++) {
    if (current === undefined) return absent;
    const decision = decide(current);
    if (!('change' in decision)) return decision.answer;
    try {
      return decision.gives(await writeChange(runtime, current, decision.change));
    } catch (error) {
      if (!(error instanceof PreconditionFailed)) throw error;
      current = await readTask(runtime, id);
    }
  }
  throw new Problem(503, 'contention', `Task ${id} changed too often while it was being written; try again.`, {
    retryAfterSeconds: 1,
  });
}

export type Decision<T> = { readonly answer: T } | { readonly change: Change; readonly gives: (known: Known) => T };
