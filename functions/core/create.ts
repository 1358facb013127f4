/** Creating a task: the first of its three writes. With an idempotency key a duplicate collides instead of needing a lookup. */

import { commitHolding } from './budgets/holds.ts';
import { canSettle } from './budgets/settle-budgets.ts';
import { checkIn } from './claim-check.ts';
import { Problem } from './errors.ts';
import { hashedId } from './hashed-id.ts';
import { beginning, newTask } from './new-task.ts';
import type { TimedPacket } from './packet.ts';
import { PreconditionFailed, type Write } from './ports.ts';
import type { Agent } from './registry/agents.ts';
import type { Runtime } from './runtime.ts';
import { type Change, TASKS } from './store.ts';
import { coreOf, type Hold, isEnded, type Job, type Known, type Reference, type Task } from './task.ts';
import { fromDocument, toDocument } from './task-document.ts';
import { followTask } from './trace.ts';
import { dependentWrites } from './waiting/dependencies.ts';
import { APPROVAL, gatesOf } from './waiting/gate-names.ts';
import { joinLine } from './waiting/line.ts';

export interface Creation {
  readonly tenant: string;
  readonly agent: Agent;
  readonly packet: TimedPacket & { readonly job?: Job };
  /** The id, where it stands for something else than the idempotency key with the agent. */
  readonly id?: string;
  /** The id when there is no idempotency key; random without. */
  readonly fallbackId?: string;
  readonly by: string;
  /** Writes of other documents that belong to its creation; where they cannot be, neither can it: `PreconditionFailed`. */
  readonly also?: readonly Write[];
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

type Creators = Pick<Runtime, 'documents' | 'control' | 'signing' | 'clock' | 'ids' | 'settings' | 'objects' | 'log'>;

/**
 * Creates a task as `queued`, or `waiting` while its `notBefore` lies ahead, a dependency has not ended or there are gates before
 * it (whoever creates it then has it `proceed`), with what it holds of shared budgets. One that has a dependency which failed has ended with it, as `cancelled`: what is then pending is left to the
 * caller. Throws `Problem` 422 `idempotency_key_reused` when the key stands for another agent or payload, 402 `budget_exceeded`,
 * 409 `parent_ended`, 422 `parent_not_found`, `dependency_not_found`, 413 `too_large`, 503 `store_unavailable`.
 */
export async function createTask(runtime: Creators, creation: Creation): Promise<Created> {
  const { tenant, packet } = creation;
  const id = creation.id ?? idOf(runtime, creation);
  const payloadRef = await checkIn(runtime, tenant, id, 'payload', packet.payload);
  const task = newTask(runtime, creation, payloadRef);
  followTask(runtime.ids, task);
  const gates = await gatesOf(runtime, creation.agent, task);
  let replaced: string | undefined;
  for (let tries = 0; tries < 5; tries++) {
    try {
      let held: Task = task;
      const [written] = await commitHolding(runtime, task, async (holds, accounts) => {
        const begun = await beginning(runtime, creation, id, task, accounts, gates);
        held = holds === undefined ? begun : { ...begun, holds, ...settledAtOnce(runtime, begun, holds) };
        const data = toDocument(held as unknown as Record<string, unknown>);
        return [
          replaced === undefined
            ? { kind: 'create', collection: TASKS, id, data }
            : { kind: 'replace', collection: TASKS, id, data, version: replaced },
          ...dependentWrites(id, held),
          ...(creation.also ?? []),
          ...(held.waitingFor?.includes(APPROVAL) ? [joinLine({ id, version: '', task: held }, APPROVAL)] : []),
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
      if (found === undefined && creation.also !== undefined) throw error;
      if (existing === undefined || found === undefined) replaced = undefined;
      else if (isGone) replaced = existing.version;
      else return replay(found, { id, version: existing.version, task: coreOf(found) }, task);
    }
  }
  throw new Problem(503, 'contention', 'The task could not be created; try again.', { retryAfterSeconds: 1 });
}

function idOf(runtime: Creators, { tenant, agent, packet, fallbackId }: Creation): string {
  if (packet.idempotencyKey === undefined) return fallbackId ?? runtime.ids.random(16);
  return keyedId(tenant, agent.name, packet.idempotencyKey);
}

/** A task that was adopted too late, or whose dependency failed, ends as it is created: what it holds is then to be given back. */
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

/** The id that an idempotency key stands for. */
export function keyedId(tenant: string, agent: string, key: string): string {
  return hashedId(tenant, agent, key);
}

/** The id that an alias stands for: one name of the client's own, whatever the agent. */
export function aliasedId(tenant: string, alias: string): string {
  return hashedId(tenant, 'task', 'alias', alias);
}
