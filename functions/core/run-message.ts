/**
 * What travels on the topics: the run object on `tasks`, the outcome on `results`, the reminder on `callbacks`. Each carries the
 * task's document without its bulk, its version, and a signature over its bytes; only a signed one is believed.
 */

import { centsFromMicros } from './budgets/money.ts';
import type { Closers } from './close.ts';
import type { Ids } from './ports.ts';
import { agentOf } from './registry/registry.ts';
import type { Runtime } from './runtime.ts';
import type { JsonObject, Known, Reference, Task, TaskCore, TaskError } from './task.ts';
import { hopOf } from './trace.ts';
import { handOver, isHandedOver } from './waiting/hand-over.ts';

export const SIGNATURE = 'signature';

/** The agent protocol's run object, as POSTed to `/run` and published on `tasks`. */
export interface RunMessage {
  readonly taskId: string;
  readonly agent: string;
  readonly payload?: JsonObject;
  readonly payloadRef?: Reference;
  /** The structured fields of `/submit-task`. */
  readonly work?: JsonObject;
  /** Unix seconds. */
  readonly ttl: number;
  readonly budgetCents: number;
  readonly idempotencyKey?: string;
  readonly traceId: string;
  readonly epoch: number;
  readonly attempt: number;
  readonly version: string;
  readonly core: TaskCore;
}

/** What an attempt came to. `retry` asks for another one. */
export interface Outcome {
  readonly status: 'succeeded' | 'failed' | 'expired' | 'cancelled' | 'retry';
  readonly result?: unknown;
  readonly resultRef?: Reference;
  readonly error?: TaskError;
  readonly costMicros?: number;
  readonly retryAfterMs?: number;
  /** When the run ended, by the agent's clock (milliseconds since the epoch). */
  readonly endedAt?: number;
}

export interface ResultMessage {
  readonly taskId: string;
  readonly epoch: number;
  readonly outcomeToken: string;
  readonly outcome: Outcome;
  readonly version?: string;
  readonly core?: TaskCore;
}

export interface CallbackMessage {
  readonly taskId: string;
  readonly redrives: number;
}

/** What an agent is told of a task that no decision needs. */
type Carried = Pick<Task, 'payload' | 'payloadRef' | 'work'>;

/** The run object of a task as known. */
export function runMessage(known: Known, { payload, payloadRef, work }: Carried): RunMessage {
  const { task } = known;
  return {
    taskId: known.id,
    agent: task.agent,
    ...(payloadRef ? { payloadRef } : { payload: payload ?? {} }),
    ...(work === undefined ? {} : { work }),
    ttl: task.ttl,
    budgetCents: centsFromMicros(task.budgetMicros),
    ...(task.idempotencyKey === undefined ? {} : { idempotencyKey: task.idempotencyKey }),
    traceId: task.traceId,
    epoch: task.epoch,
    attempt: task.attempts + 1,
    version: known.version,
    core: task,
  };
}

/**
 * Publishes a run object, or hands the task over to an agent that does not claim. To a registered agent it goes without what only
 * we could believe.
 */
export async function publishRun(runtime: Closers, run: RunMessage): Promise<void> {
  const agent = await agentOf(runtime, run.core.tenant, run.agent);
  if (agent !== undefined && isHandedOver(agent)) return handOver(runtime, agent, run);
  const { core, version, ...plain } = run;
  const isForeign = agent?.handling.type === 'pubsub';
  const data = JSON.stringify(isForeign ? plain : run);
  const attributes = {
    ...attributesOf(runtime.ids, run, agent?.direct),
    ...(isForeign ? undefined : { [SIGNATURE]: runtime.signing.message(data) }),
  };
  await runtime.messages.publish(runtime.settings.topics.tasks, { data, attributes });
}

/** By what a run object is routed; `direct` keeps it from agent-light when another subscription serves its agent. */
export const attributesOf = (ids: Ids, run: RunMessage, direct: string | undefined): Record<string, string> => ({
  agent: run.agent,
  traceId: attribute(run.traceId),
  ...hopOf(ids, run.core),
  ...(run.idempotencyKey === undefined ? {} : { idempotencyKey: attribute(run.idempotencyKey) }),
  ...(direct === undefined ? {} : { direct }),
});

/** Publishes a run object, or leaves it to the sweeper: the document is its own outbox. */
export async function publishOrLeave(runtime: Closers, run: RunMessage): Promise<void> {
  try {
    await publishRun(runtime, run);
  } catch (error) {
    runtime.log.warn({ err: error, taskId: run.taskId }, 'A task could not be published; the sweeper will.');
  }
}

/** Publishes anything else, signed. */
export async function publishSigned(
  runtime: Pick<Runtime, 'messages' | 'signing'>,
  topic: string,
  message: ResultMessage | CallbackMessage,
  attributes: Record<string, string>,
) {
  const data = JSON.stringify(message);
  return runtime.messages.publish(topic, { data, attributes: { ...attributes, [SIGNATURE]: runtime.signing.message(data) } });
}

/** Attribute values are at most 1,024 bytes. */
const attribute = (text: string): string => {
  let value = text;
  while (Buffer.byteLength(value) > 1024) value = value.slice(0, -16);
  return value.toWellFormed();
};
