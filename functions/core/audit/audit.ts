/**
 * The record of who decided what about anything but a task: an entry of its own, written in the transaction that makes the
 * decision, chained to the one before it about the same entity. (A task's decisions are in its timeline.) Entries are never
 * changed nor removed.
 */

import { Problem } from '../errors.ts';
import { hashedId } from '../hashed-id.ts';
import { type Fields, PreconditionFailed, type Write } from '../ports.ts';
import type { Runtime } from '../runtime.ts';
import { chained } from '../signing.ts';
import { SHARDS } from '../store.ts';
import type { ChainHead, JsonObject, TimelineEntry } from '../task.ts';

/** The collection of entries, and that of where each entity's chain stands. */
export const AUDIT = 'audit';
export const AUDIT_HEADS = 'audit-heads';
const MAX_TRIES = 20;

/** About whom and what: an entity like `agent:<name>`, within a tenant. */
export interface Subject {
  readonly tenant: string;
  readonly entity: string;
  /** Who decides: the key's id, or the e-mail. */
  readonly actor: string;
}

/** A decision: what it writes, and what the record says of it. */
export interface Decided<T> {
  readonly writes: readonly Write[];
  readonly event: string;
  readonly detail?: JsonObject;
  readonly answer: T;
}

/** An entry: who decided what about an entity. `at` is milliseconds since the epoch. */
export interface AuditEntry extends TimelineEntry {
  readonly tenant: string;
  readonly entity: string;
  readonly actor: string;
  readonly detail?: JsonObject;
}

/** Where an entity's chain stands, as stored. */
export interface AuditHead {
  readonly tenant: string;
  readonly entity: string;
  readonly chain: ChainHead;
  readonly requestId: string;
  readonly shard: number;
  readonly sealAt: number;
}

/** The id of an entity's head; its entries have the same with their number. */
export const auditId = (tenant: string, entity: string): string => hashedId(tenant, entity);

/** The id of an entity's entry; they are numbered from 1. */
export const entryId = (id: string, number: number): string => `${id}-${number}`;

const shardOf = (id: string): number => Number.parseInt(id.slice(0, 8), 16) % SHARDS;

/** The entry that a document holds, its fields in the order in which they were hashed: stores give them back in any. */
export function auditEntry({ shard: _, at, event, tenant, entity, actor, detail, ...rest }: Fields): AuditEntry {
  return { at, event, tenant, entity, actor, ...(detail === undefined ? {} : { detail }), ...rest } as unknown as AuditEntry;
}

/**
 * Commits what `decide` decides, with its entry, and gives its answer. When something has changed meanwhile it decides anew, so
 * `decide` reads what it judges by, writes under those versions, and has no other effect. Throws what `decide` throws, and
 * `Problem` 503 `contention`.
 */
export async function commitAudited<T>(
  runtime: Pick<Runtime, 'control' | 'signing' | 'clock' | 'ids'>,
  { tenant, entity, actor }: Subject,
  decide: () => Promise<Decided<T>>,
  requestId = runtime.ids.random(12),
): Promise<T> {
  const { control, signing, clock } = runtime;
  const id = auditId(tenant, entity);
  let last: T | undefined;
  for (let tries = 0; tries < MAX_TRIES; tries++) {
    const head = await control.get(AUDIT_HEADS, id);
    // The try before had its effect, and its reply was lost.
    if (head?.data.requestId === requestId) return last as T;
    const { writes, event, detail, answer } = await decide();
    last = answer;
    const before = (head?.data.chain ?? { head: '', count: 0 }) as ChainHead;
    const at = clock.now();
    const { entry, chain } = chained(signing, before, { at, event, tenant, entity, actor, ...(detail ? { detail } : {}) });
    const shard = shardOf(id);
    const data: AuditHead = { tenant, entity, chain, requestId, shard, sealAt: at };
    try {
      await control.commit([
        ...writes,
        { kind: 'create', collection: AUDIT, id: entryId(id, chain.count), data: { ...entry, shard } },
        head === undefined
          ? { kind: 'create', collection: AUDIT_HEADS, id, data: { ...data } }
          : { kind: 'replace', collection: AUDIT_HEADS, id, version: head.version, data: { ...data } },
      ]);
      return answer;
    } catch (error) {
      if (!(error instanceof PreconditionFailed)) throw error;
    }
  }
  throw new Problem(503, 'contention', `${entity} changed too often while it was being changed; try again.`, {
    retryAfterSeconds: 1,
  });
}

/**
 * Records what was decided elsewhere, in a commit of another database. Whoever repeats it after a crash gives the same
 * `requestId`: where its entry is the last one about its entity, it is not written again.
 */
export async function recordDecision(
  runtime: Pick<Runtime, 'control' | 'signing' | 'clock' | 'ids'>,
  subject: Subject,
  { event, detail, requestId }: { readonly event: string; readonly detail: JsonObject; readonly requestId: string },
): Promise<void> {
  await commitAudited(runtime, subject, async () => ({ writes: [], event, detail, answer: undefined }), requestId);
}
