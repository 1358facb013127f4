/** Lists of tasks: newest first, merged over the shards, each place marked by a cursor. */

import * as z from 'zod';
import { DAY_MS } from './days.ts';
import { Problem } from './errors.ts';
import type { Query, Stored } from './ports.ts';
import type { Runtime } from './runtime.ts';
import { SHARDS, TASKS } from './store.ts';
import { isTaskId, type Task } from './task.ts';
import { fromDocument } from './task-document.ts';

/** A task may have half a megabyte: as many as a long list would read at once do not fit into a function's memory. */
const FIRST_PAGE = 15;
const BYTES_PER_PAGE = 1024 * 1024;
const MAX_LIST_BYTES = 8 * 1024 * 1024;

/**
 * The tasks that `equal` names, of all shards, newest first. Reads little more than the `wanted` it expects to give: each shard in
 * small pages, as they run out, the smaller the larger the tasks are.
 */
export async function* newestFirst(
  runtime: Pick<Runtime, 'documents'>,
  equal: Query['equal'],
  after: Query['after'],
  wanted: number,
): AsyncGenerator<Stored> {
  if (wanted === 0) return;
  const longest = Math.ceil(wanted / SHARDS) + 1;
  let page = Math.min(longest, FIRST_PAGE);
  const shards = await Promise.all(Array.from({ length: SHARDS }, (_, shard) => next(shard, after)));
  for (;;) {
    const best = shards.filter(({ documents }) => documents.length > 0).sort((a, b) => newer(a.documents[0], b.documents[0]))[0];
    const document = best?.documents.shift();
    if (best === undefined || document === undefined) return;
    yield document;
    if (best.documents.length === 0 && !best.exhausted) shards[shards.indexOf(best)] = await next(best.shard, positionOf(document));
  }

  async function next(shard: number, from: Query['after']) {
    const orderBy = { field: 'createdAt', direction: 'desc' } as const;
    const limit = page;
    const { documents } = await runtime.documents.query(TASKS, { equal: { ...equal, shard }, orderBy, after: from, limit });
    if (longest > FIRST_PAGE && documents.length > 0) {
      const largest = Math.max(...documents.map(({ data }) => JSON.stringify(data).length));
      page = Math.max(1, Math.min(longest, 2 * limit, Math.floor(BYTES_PER_PAGE / largest)));
    }
    return { shard, documents: [...documents], exhausted: documents.length < limit };
  }
}

/** A page of a list, and where the next one begins, if there is more. */
export interface TaskPage {
  readonly tasks: readonly { readonly id: string; readonly task: Task }[];
  readonly nextCursor?: string;
}

/** At most `limit` of the tasks that `equal` names, newest first; fewer where they are large. Throws `Problem` 422 for a bad cursor. */
export async function taskPage(
  runtime: Pick<Runtime, 'documents'>,
  equal: Query['equal'],
  { limit, cursor }: { readonly limit: number; readonly cursor?: string },
): Promise<TaskPage> {
  const tasks: { id: string; task: Task }[] = [];
  let bytes = 0;
  let last: Stored | undefined;
  for await (const document of newestFirst(runtime, equal, cursor === undefined ? undefined : decodedCursor(cursor), limit)) {
    if (tasks.length === limit || bytes > MAX_LIST_BYTES) return { tasks, ...(last ? { nextCursor: encodedCursor(last) } : {}) };
    bytes += JSON.stringify(document.data).length;
    tasks.push({ id: document.id, task: fromDocument(document.data) });
    last = document;
  }
  return { tasks };
}

const positionOf = ({ id, data }: Stored) => ({ value: data.createdAt as number, id });

function newer(a: Stored | undefined, b: Stored | undefined): number {
  if (a === undefined || b === undefined) return 0;
  const byTime = (b.data.createdAt as number) - (a.data.createdAt as number);
  return byTime !== 0 ? byTime : a.id < b.id ? 1 : -1;
}

/** Where a list begins with the last task of a day: no task's id comes before '-'. */
export const endOfDay = (day: string): { value: number; id: string } => ({ value: Date.parse(day) + DAY_MS, id: '-' });

/** Where a list goes on behind a document. */
export const encodedCursor = (document: Stored): string => encodedPlace(positionOf(document));

/** The same for a list in another order than that of creation. */
export const encodedPlace = (place: { readonly value: number; readonly id: string }): string =>
  Buffer.from(JSON.stringify(place)).toString('base64url');

/** Throws `Problem` 422 for a cursor that was not given here. */
export function decodedCursor(cursor: string): { value: number; id: string } {
  try {
    return z
      .strictObject({ value: z.number(), id: z.string().refine(isTaskId) })
      .parse(JSON.parse(Buffer.from(cursor, 'base64url').toString()));
  } catch {
    throw new Problem(422, 'invalid_fields', 'cursor is not one that a list here has given.', {
      fields: [{ field: 'cursor', code: 'invalid', message: 'is not one that a list here has given' }],
    });
  }
}
