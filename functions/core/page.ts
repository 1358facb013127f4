/** Pages of what is stored, and the newest of it. */

import { decodedCursor, encodedCursor } from './list-tasks.ts';
import type { Query, Stored } from './ports.ts';
import type { Runtime } from './runtime.ts';

const NEWEST_FIRST = { field: 'createdAt', direction: 'desc' } as const;

/** A page of a list that is made seldom enough not to be sharded, the newest first. */
export async function pageOf(
  { documents }: Pick<Runtime, 'documents'>,
  collection: string,
  equal: Query['equal'],
  { limit, cursor }: { readonly limit: number; readonly cursor?: string | undefined },
): Promise<{ readonly documents: readonly Stored[]; readonly nextCursor?: string }> {
  if (limit === 0) return { documents: [] };
  const after = cursor === undefined ? {} : { after: decodedCursor(cursor) };
  const found = await documents.query(collection, { equal, orderBy: NEWEST_FIRST, ...after, limit: limit + 1 });
  const page = found.documents.slice(0, limit);
  const last = page.at(-1);
  const isMore = found.documents.length > limit && last !== undefined;
  return { documents: page, ...(isMore ? { nextCursor: encodedCursor(last) } : {}) };
}

/** The newest one. */
export async function newest(runtime: Runtime, collection: string, equal: Query['equal']): Promise<Stored | undefined> {
  return (await pageOf(runtime, collection, equal, { limit: 1 })).documents[0];
}
