/** `POST /dispatch`: creates the task, then publishes it (mode pubsub) or has the agent run it at once (mode http). */

import { admit } from '../core/admission.ts';
import type { Caller } from '../core/authenticate.ts';
import { type Created, type Creation, keyedId } from '../core/create.ts';
import { Problem } from '../core/errors.ts';
import { fingerprint } from '../core/fingerprint.ts';
import type { Packet } from '../core/packet.ts';
import type { Agent } from '../core/registry/agents.ts';
import { publishOrLeave, type RunMessage, runMessage } from '../core/run-message.ts';
import type { Runtime } from '../core/runtime.ts';
import { readTask } from '../core/store.ts';
import { isEnded, type Job, type JsonObject } from '../core/task.ts';
import { taskView } from '../core/task-view.ts';
import { hopOf } from '../core/trace.ts';
import { claimAtOnce, isHandedOver } from '../core/waiting/hand-over.ts';
import { startTask } from '../core/waiting/start-task.ts';
import { fullView } from './task-view.ts';

/** The answer: 200 when the task has ended, 202 otherwise; a replay likewise. */
export interface Dispatched {
  readonly status: 200 | 202;
  readonly id: string;
  readonly view: JsonObject;
  readonly replayed: boolean;
}

/**
 * Takes a packet. Throws `Problem` 422 `invalid_fields` (every bad field named), `agent_not_found`, `egress_denied`,
 * `dependency_not_found`, `parent_not_found`, `idempotency_key_reused`; 402 `budget_exceeded`; 409 `parent_ended`,
 * `agent_disabled`; 413 `too_large`. Nothing is written then. With `id` that is the task's.
 */
export async function postDispatch(runtime: Runtime, caller: Caller, body: unknown, id?: string): Promise<Dispatched> {
  return dispatchPacket(runtime, caller, body, id === undefined ? {} : { id });
}

/** What a task has beside its packet. */
export interface Besides extends Pick<Creation, 'id' | 'also'> {
  readonly job?: Job;
  /** How long the answer waits for its end, in milliseconds. */
  readonly waitMs?: number;
  /** Told of the task once it is written, before it is run or published. */
  readonly onCreated?: ((id: string) => void) | undefined;
}

/** The same, for who makes packets himself. */
export async function dispatchPacket(
  runtime: Runtime,
  caller: Caller,
  body: unknown,
  { id, also, job, onCreated, waitMs = runtime.settings.times.httpWaitMs }: Besides,
): Promise<Dispatched> {
  const admitted = await admit(runtime, caller.tenant, body, runtime.clock.now()).catch((error: unknown) =>
    repeated(runtime, caller, body, error, id),
  );
  if ('kind' in admitted) return dispatched(runtime, admitted);
  const { agent, packet } = admitted;
  const first = isHandedOver(agent) ? claimAtOnce(runtime, agent) : undefined;
  const created = await startTask(runtime, {
    tenant: caller.tenant,
    agent,
    packet: job === undefined ? packet : { ...packet, job },
    id,
    by: caller.name,
    ...(also === undefined ? {} : { also }),
    ...(first ? { first } : {}),
  });
  if (created.kind === 'created') onCreated?.(created.known.id);
  const isToPublish = created.task.status === 'queued' || created.task.handOver === 'sending';
  if (created.kind === 'replayed' || !isToPublish) return dispatched(runtime, created);

  const run = runMessage(created.known, { ...packet, payloadRef: created.payloadRef });
  // Who has a subscription of his own has no `/run` here.
  if (packet.mode === 'http' && agent.handling.type !== 'pubsub') return runNow(runtime, agent, run, waitMs);
  await publishOrLeave(runtime, run);
  return dispatched(runtime, created);
}

/** A repeat is answered with what it repeats, also when its agent has been switched off or removed since. */
async function repeated(
  runtime: Runtime,
  { tenant }: Caller,
  body: unknown,
  refusal: unknown,
  id: string | undefined,
): Promise<Created> {
  const isAgents = refusal instanceof Problem && (refusal.code === 'agent_disabled' || refusal.code === 'agent_not_found');
  const { agent, payload, idempotencyKey } = (isAgents ? body : {}) as Partial<Packet>;
  if (agent === undefined || idempotencyKey === undefined) throw refusal;
  const known = await readTask(runtime, id ?? keyedId(tenant, agent, idempotencyKey));
  if (known?.task.fingerprint !== fingerprint(agent, payload)) throw refusal;
  return { kind: 'replayed', known, task: known.task };
}

async function dispatched(runtime: Runtime, { kind, known, task }: Created): Promise<Dispatched> {
  const ended = isEnded(task.status);
  return {
    status: ended ? 200 : 202,
    id: known.id,
    view: ended ? await fullView(runtime, known.id, task) : taskView(known.id, task),
    replayed: kind === 'replayed',
  };
}

/**
 * Has the agent run the task and waits for it, at most until the ttl or the settings' wait. An agent that cannot be reached
 * or asks for another attempt leaves the task to the topic; while a lease lives nothing is started twice.
 */
async function runNow(runtime: Runtime, agent: Agent, run: RunMessage, waitMs: number): Promise<Dispatched> {
  const answered = await postRun(runtime, agent, run, waitMs);
  const known = await readTask(runtime, run.taskId);
  if (known === undefined) throw new Problem(404, 'task_not_found', `There is no task ${run.taskId}.`);
  const { task } = known;
  if (!answered && task.status === 'queued') await publishOrLeave(runtime, runMessage(known, task));
  return {
    status: isEnded(task.status) ? 200 : 202,
    id: run.taskId,
    view: await fullView(runtime, run.taskId, task),
    replayed: false,
  };
}

/** Whether the agent has given a final answer. */
async function postRun(runtime: Runtime, agent: Agent, run: RunMessage, waitMs: number): Promise<boolean> {
  const { clock } = runtime;
  const body = JSON.stringify(run);
  try {
    const token = await runtime.identity.idToken(new URL(agent.runs.url).origin);
    const { status } = await runtime.egress.request({
      url: agent.runs.url,
      trust: 'operator',
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        authorization: `Bearer ${token}`,
        'x-heliograph-signature': runtime.signing.message(body),
        ...hopOf(runtime.ids, run.core),
      },
      body,
      timeoutMs: Math.max(1, Math.min(waitMs, run.ttl * 1000 - clock.now() + 500)),
      maxBytes: 32 * 1024 * 1024,
    });
    return status < 500 && status !== 429 && status !== 408;
  } catch (error) {
    runtime.log.info(
      { taskId: run.taskId, agent: agent.name, reason: (error as Error).message },
      'The agent gave no answer in time.',
    );
    return false;
  }
}
