/**
 * The record of who decided what about anything but a task: an entry of its own, written in the transaction that makes the
 * decision, chained to the one before it about the same entity. (A task's decisions are in its timeline.)
 */

import { Problem } from './errors.ts';
import { hashedId } from './hashed-id.ts';
import { PreconditionFailed, type Write } from './ports.ts';
import type { Runtime } from './runtime.ts';
import { chained } from './signing.ts';
import type { ChainHead, JsonObject } from './task.ts';

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

/** The id of an entity's head; its entries have the same with their number. */
export const auditId = (tenant: string, entity: string): string => hashedId(tenant, entity);

/**
 * Commits what `decide` decides, with its entry, and gives its answer. When something has changed meanwhile it decides anew, so
 * `decide` reads what it judges by, writes under those versions, and has no other effect. Throws what `decide` throws, and
 * `Problem` 503 `contention`.
 */
export async function commitAudited<T>(
  runtime: Pick<Runtime, 'control' | 'signing' | 'clock' | 'ids'>,
  { tenant, entity, actor }: Subject,
  decide: () => Promise<Decided<T>>,
): Promise<T> {
  const { control, signing, clock, ids } = runtime;
  const id = auditId(tenant, entity);
  const requestId = ids.random(12);
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
    const data = { tenant, entity, chain, requestId };
    try {
      await control.commit([
        ...writes,
        { kind: 'create', collection: AUDIT, id: `${id}-${chain.count}`, data: { ...entry } },
        head === undefined
          ? { kind: 'create', collection: AUDIT_HEADS, id, data }
          : { kind: 'replace', collection: AUDIT_HEADS, id, version: head.version, data },
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
