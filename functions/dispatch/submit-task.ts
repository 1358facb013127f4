/** `POST /submit-task`: a task in the words of the task packet of row F3; underneath it is a task like any other. */

import * as z from 'zod';
import type { Caller } from '../core/authenticate.ts';
import { aliasedId } from '../core/create.ts';
import { type FieldError, Problem } from '../core/errors.ts';
import { findTask } from '../core/find-task.ts';
import { fingerprint } from '../core/fingerprint.ts';
import { checked, invalidFields } from '../core/http.ts';
import { type Packet, packetSchema, workSchema } from '../core/packet.ts';
import type { Runtime } from '../core/runtime.ts';
import type { JsonObject, Task } from '../core/task.ts';
import { postDispatch } from './post-dispatch.ts';

const { agent, payload, dependencies, priority, maxAttempts, idempotencyKey, ...ours } = packetSchema.shape;
const work = workSchema.shape;

/**
 * The body: the packet's fields, and of ours those that bound a task or say where it belongs. Its mode is always pubsub, its ttl
 * is given as `ttlSeconds`, and it is a modification when its type says so.
 */
export const submissionSchema = z.strictObject({
  system_name: agent,
  module_name: work.module_name.unwrap().min(1),
  task_type: work.task_type.unwrap(),
  /** An alias of the task, and its idempotency key. */
  task_id: idempotencyKey,
  constraints: work.constraints.unwrap().default([]),
  /** Ids or aliases of the tasks that have to succeed before this one runs. */
  dependencies: dependencies.unwrap().default([]),
  business_rules: work.business_rules.unwrap().default([]),
  philosophy_tags: work.philosophy_tags.unwrap().default([]),
  /** A backup of the project that stands for the one which a modification takes else. */
  backup_id: work.backup_id.unwrap().default(null),
  priority,
  payload: payload.default({}),
  /** Attempts in total. */
  max_retries: maxAttempts.unwrap().default(3),
  ttlSeconds: ours.ttlSeconds,
  notBefore: ours.notBefore,
  budgetCents: ours.budgetCents,
  callbackUrl: ours.callbackUrl,
  projectId: ours.projectId,
  /** An id or an alias too. */
  parentTaskId: ours.parentTaskId,
  sessionId: ours.sessionId,
  traceId: ours.traceId,
  metadata: ours.metadata,
});

/** The answer; `replayed` when the same had been submitted under its `task_id` before. */
export interface Submitted {
  readonly answer: { readonly status: 'success'; readonly task_id: string };
  readonly replayed: boolean;
}

/**
 * Takes a task. Its id is made from the tenant and the `task_id`, by which it is found wherever a task is named. Throws what
 * `postDispatch` throws, in the names of these fields; 422 `idempotency_key_reused` for another task under the same `task_id`.
 */
export async function submitTask(runtime: Runtime, caller: Caller, body: unknown): Promise<Submitted> {
  const submission = checked(submissionSchema, body);
  const task_id = submission.task_id ?? uuid(runtime.ids.random(16));
  const packet = await packetOf(runtime, caller, submission, task_id);
  const { view, replayed } = await postDispatch(runtime, caller, packet, aliasedId(caller.tenant, task_id)).catch((error) => {
    throw inTheseNames(error, task_id);
  });
  if (replayed && fingerprint(packet.agent, view.work) !== fingerprint(packet.agent, packet.work)) throw reused(task_id);
  return { answer: { status: 'success', task_id }, replayed };
}

/**
 * What a submitted task is shown with beside its view: its packet, with `dependencies` as ids, and `backup_id` as that of its way
 * back. Nothing of any other task.
 */
export function packetView(id: string, task: Task): JsonObject {
  const task_id = task.idempotencyKey;
  if (task_id === undefined || aliasedId(task.tenant, task_id) !== id) return {};
  return {
    task_id,
    system_name: task.agent,
    ...task.work,
    ...(task.backupId === undefined ? {} : { backup_id: task.backupId }),
    dependencies: task.dependencies ?? [],
    priority: task.priority,
    max_retries: task.maxAttempts,
  };
}

type Submission = z.output<typeof submissionSchema>;

async function packetOf(runtime: Runtime, caller: Caller, submission: Submission, task_id: string) {
  const { system_name, max_retries, task_id: _, dependencies: named, parentTaskId: parent, ...rest } = submission;
  const { module_name, task_type, constraints, business_rules, philosophy_tags, backup_id, ...same } = rest;
  // What is not found is refused by the name that was given.
  const idOf = async (name: string) => (await findTask(runtime, caller.tenant, name))?.id ?? name;
  return {
    ...same,
    agent: system_name,
    mode: 'pubsub',
    idempotencyKey: task_id,
    maxAttempts: max_retries,
    dependencies: await Promise.all(named.map(idOf)),
    ...(parent === undefined ? {} : { parentTaskId: await idOf(parent) }),
    ...(task_type === 'modification' ? { modifies: true } : {}),
    work: { module_name, task_type, constraints, business_rules, philosophy_tags, backup_id },
  } satisfies Packet;
}

/** A refusal with the packet's fields called as they are here. */
function inTheseNames(error: unknown, task_id: string): unknown {
  if (!(error instanceof Problem)) return error;
  if (error.code === 'idempotency_key_reused') return reused(task_id);
  const fields = error.fields.map((one): FieldError => ({ ...one, field: nameHere(one.field) }));
  if (error.code === 'invalid_fields') return invalidFields(fields);
  const { status, code, message, retryAfterSeconds, cause } = error;
  return new Problem(status, code, message, { fields, retryAfterSeconds, cause });
}

function nameHere(field: string): string {
  if (field === 'agent') return 'system_name';
  return field.replace(/^work\.?/, '') || '(body)';
}

const reused = (task_id: string): Problem =>
  new Problem(
    422,
    'idempotency_key_reused',
    `The task_id ${task_id} stands for another task. Send the same task, or a new task_id.`,
    {
      fields: [{ field: 'task_id', code: 'idempotency_key_reused', message: 'is taken by another task' }],
    },
  );

/** Source: RFC 9562, version 4. */
function uuid(hex: string): string {
  const variant = '89ab'[Number.parseInt(hex.charAt(16), 16) % 4];
  const parts = [hex.slice(0, 8), hex.slice(8, 12), `4${hex.slice(13, 16)}`, `${variant}${hex.slice(17, 20)}`, hex.slice(20)];
  return parts.join('-');
}
