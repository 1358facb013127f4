/** Creating a task: the first of its three writes. With an idempotency key a duplicate collides instead of needing a lookup. */

import { createHash } from 'node:crypto';
import type { Agent } from './agents.ts';
import { checkIn } from './claim-check.ts';
import { Problem } from './errors.ts';
import { hashedId } from './hashed-id.ts';
import { commitHolding } from './holds.ts';
import { microsFromCents } from './money.ts';
import type { TimedPacket } from './packet.ts';
import { PreconditionFailed } from './ports.ts';
import type { Runtime } from './runtime.ts';
import { canSettle } from './settle-budgets.ts';
import { chained } from './signing.ts';
import { type Change, SHARDS, TASKS } from './store.ts';
import { coreOf, type Hold, isEnded, type Known, type Reference, type Task } from './task.ts';
import { fromDocument, toDocument } from './task-document.ts';

export interface Creation {
  readonly tenant: string;
  readonly agent: Agent;
  readonly packet: TimedPacket;
  /** The id when there is no idempotency key; random without. */
  readonly fallbackId?: string;
  readonly by: string;
  /** A first change, applied before the task is written: an adopted task is created already claimed. */
  readonly first?: (known: Known) => Change | undefined;
}

/** `created` by this call, or `replayed`: the same request had created it. */
export interface Created {
  readonly kind: 'created' | 'replayed';
  readonly known: Known;
  readonly payloadRef?: Reference;
  /** The whole document, as stored. */
  readonly task: Task;
}

type Creators = Pick<Runtime, 'documents' | 'signing' | 'clock' | 'ids' | 'settings' | 'objects'>;

/**
 * Creates a task as `queued`, or `waiting` while its `notBefore` lies ahead, with what it holds of shared budgets. Throws `Problem`
 * 422 `idempotency_key_reused` when the key stands for another agent or payload, 402 `budget_exceeded`, 409 `parent_ended`, 422
 * `parent_not_found`, 413 `too_large`, 503 `store_unavailable`.
 */
export async function createTask(runtime: Creators, creation: Creation): Promise<Created> {
  const { tenant, agent, packet } = creation;
  const id =
    packet.idempotencyKey === undefined
      ? (creation.fallbackId ?? runtime.ids.random(16))
      : keyedId(tenant, agent.name, packet.idempotencyKey);
  const payloadRef = await checkIn(runtime, tenant, id, 'payload', packet.payload);
  const fresh = newTask(runtime, creation, payloadRef);
  const change = creation.first?.({ id, version: '', task: fresh });
  const task = change === undefined ? fresh : changed(runtime, fresh, change);
  let replaced: string | undefined;
  for (let tries = 0; tries < 5; tries++) {
    try {
      let held: Task = task;
      const [written] = await commitHolding(runtime, task, async (holds) => {
        held = holds === undefined ? task : { ...task, holds, ...settledAtOnce(runtime, task, holds) };
        const data = toDocument(held as unknown as Record<string, unknown>);
        return [
          replaced === undefined
            ? { kind: 'create', collection: TASKS, id, data }
            : { kind: 'replace', collection: TASKS, id, data, version: replaced },
        ];
      });
      const stored = held.leasedAt === undefined ? held : { ...held, leasedAt: written?.at };
      return { kind: 'created', known: { id, version: written?.version ?? '', task: coreOf(stored) }, payloadRef, task: stored };
    } catch (error) {
      const isRefused = error instanceof Problem && error.status < 500;
      if (!(error instanceof PreconditionFailed) && !isRefused) throw error;
      const existing = await runtime.documents.get(TASKS, id);
      const found = existing && fromDocument(existing.data);
      const isGone = found?.expireAt !== undefined && found.expireAt <= runtime.clock.now();
      // A repeat is answered with what it repeats, whatever room its budgets have by now.
      if (isRefused && (found === undefined || isGone)) throw error;
      if (existing === undefined || found === undefined) replaced = undefined;
      else if (isGone) replaced = existing.version;
      else return replay(found, { id, version: existing.version, task: coreOf(found) }, task);
    }
  }
  throw new Problem(503, 'contention', 'The task could not be created; try again.', { retryAfterSeconds: 1 });
}

/** A task that was adopted too late ends as it is created: what it holds is then to be given back. */
function settledAtOnce(runtime: Creators, { status, pending, wakeAt }: Task, holds: readonly Hold[]): Partial<Task> {
  if (!isEnded(status) || !canSettle({ holds })) return {};
  return { pending: [...(pending ?? []), 'budget'], wakeAt: wakeAt ?? runtime.clock.now() + runtime.settings.times.republishMs };
}

function replay(found: Task, known: Known, wanted: Task): Created {
  const kind = found.requestId === wanted.requestId ? 'created' : 'replayed';
  if (found.fingerprint !== wanted.fingerprint || found.tenant !== wanted.tenant || found.agent !== wanted.agent) {
    throw new Problem(
      422,
      'idempotency_key_reused',
      'This idempotency key stands for a task with another payload. Send the same payload, or a new key.',
      {
        fields: [{ field: 'idempotencyKey', code: 'idempotency_key_reused', message: 'is taken by a task with another payload' }],
      },
    );
  }
  return { kind, known, payloadRef: found.payloadRef, task: found };
}

function newTask(runtime: Creators, { tenant, agent, packet, by }: Creation, payloadRef: Reference | undefined): Task {
  const now = runtime.clock.now();
  const notBefore = packet.notBefore === undefined ? undefined : packet.notBefore * 1000;
  const waiting = notBefore !== undefined && notBefore > now;
  const { republishMs, waitingMaximumMs } = runtime.settings.times;
  const { entry, chain } = chained(runtime.signing, { head: '', count: 0 }, { at: now, event: waiting ? 'waiting' : 'queued', by });
  const { agent: _, payload, budgetCents, notBefore: __, ...given } = packet;
  return withoutUndefined({
    ...given,
    ...(payloadRef ? { payloadRef } : { payload }),
    tenant,
    agent: agent.name,
    status: waiting ? 'waiting' : 'queued',
    traceId: packet.traceId ?? runtime.ids.random(16),
    budgetMicros: budgetCents === undefined ? agent.priceMicros * packet.maxAttempts : microsFromCents(budgetCents),
    budgetFromEpoch: 0,
    charges: [],
    attempts: 0,
    epoch: 0,
    redrives: 0,
    fingerprint: fingerprint(agent.name, payload),
    requestId: runtime.ids.random(12),
    shard: runtime.ids.below(SHARDS),
    createdAt: now,
    updatedAt: now,
    notBefore,
    wakeAt: waiting
      ? Math.min(notBefore, now + waitingMaximumMs, packet.ttl * 1000)
      : Math.min(now + republishMs, packet.ttl * 1000),
    chain,
    timeline: [entry],
  }) as unknown as Task;
}

function changed(runtime: Creators, task: Task, change: Change): Task {
  const next: Record<string, unknown> = { ...task, ...change.set };
  for (const field of change.remove ?? []) delete next[field];
  if (change.event === undefined) return next as unknown as Task;
  const { entry, chain } = chained(runtime.signing, task.chain, { at: runtime.clock.now(), ...change.event });
  return { ...next, chain, timeline: [...task.timeline, entry] } as unknown as Task;
}

/** The id that an idempotency key stands for. */
export function keyedId(tenant: string, agent: string, key: string): string {
  return hashedId(tenant, agent, key);
}

/** What makes two requests the same: agent and payload, whatever the order of the keys. */
export function fingerprint(agent: string, payload: unknown): string {
  return createHash('sha256')
    .update(JSON.stringify([agent, sorted(payload)]))
    .digest('base64url');
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return ['array', ...value.map(sorted)];
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return ['object', ...entries.map(([key, inner]) => [key, sorted(inner)])];
}

function withoutUndefined(object: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined));
}
