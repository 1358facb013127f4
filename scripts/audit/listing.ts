/** All that there is in the record: every entity's head, every entry, every task, page by page. */

import { AUDIT, AUDIT_HEADS } from '../../functions/core/audit/audit.ts';
import type { Documents, Query, Stored } from '../../functions/core/ports.ts';
import { SHARDS, TASKS } from '../../functions/core/store.ts';

const PAGE = 200;
const TASK_FIELDS = ['state', 'tenant', 'status', 'createdAt', 'expireAt', 'sealAt', 'wakeAt', 'timeline'];

/** A document, and where a list goes on behind it. */
export interface Listed {
  readonly document: Stored;
  readonly place: ListPlace;
}

export interface ListPlace {
  readonly list: 'entries' | 'ended' | 'open';
  readonly shard: number;
  readonly value: number;
  readonly id: string;
}

/** Every entity's head, of all tenants. */
export async function* heads(control: Documents): AsyncGenerator<Stored> {
  for (let shard = 0; shard < SHARDS; shard++) yield* pages(control, AUDIT_HEADS, { equal: { shard }, orderBy: asc('sealAt') });
}

/** Every entry about anything but a task, of all tenants, behind a place. */
export const entries = (control: Documents, from?: ListPlace): AsyncGenerator<Listed> =>
  listed(control, AUDIT, { list: 'entries', field: 'at', from });

/** Every task, of all tenants, without its bulk: those with decisions to seal, then the others, which are on their way. */
export async function* tasks(documents: Documents, from?: ListPlace): AsyncGenerator<Listed> {
  const fields = TASK_FIELDS;
  if (from?.list !== 'open') yield* listed(documents, TASKS, { list: 'ended', field: 'sealAt', from, fields });
  const start = from?.list === 'open' ? from : undefined;
  for await (const found of listed(documents, TASKS, { list: 'open', field: 'wakeAt', from: start, fields }))
    if (found.document.data.sealAt === undefined) yield found;
}

async function* listed(
  store: Documents,
  collection: string,
  { list, field, from, fields }: { list: ListPlace['list']; field: string; from?: ListPlace; fields?: readonly string[] },
): AsyncGenerator<Listed> {
  for (let shard = from?.shard ?? 0; shard < SHARDS; shard++) {
    const after = from?.shard === shard ? { value: from.value, id: from.id } : undefined;
    const query = { equal: { shard }, orderBy: asc(field), ...(after ? { after } : {}), ...(fields ? { fields } : {}) };
    for await (const document of pages(store, collection, query))
      yield { document, place: { list, shard, value: document.data[field] as number, id: document.id } };
  }
}

const asc = (field: string) => ({ field, direction: 'asc' }) as const;

async function* pages(store: Documents, collection: string, query: Omit<Query, 'limit'>): AsyncGenerator<Stored> {
  let { after } = query;
  for (;;) {
    const { documents } = await store.query(collection, { ...query, ...(after ? { after } : {}), limit: PAGE });
    yield* documents;
    const last = documents.at(-1);
    if (last === undefined || documents.length < PAGE) return;
    after = { value: last.data[query.orderBy.field] as number, id: last.id };
  }
}
