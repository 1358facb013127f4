/** What the replies about tasks look like, to the last field: in a test, a field that is not named here fails. */

import { z } from 'zod';
import { STATUSES } from '../../../functions/core/task.ts';

const time = z.iso.datetime({ precision: 3 });
const cents = z.number().min(0);
const ID = /^[\w-]{1,200}$/;
/** A task, or a gate. */
const WAITED_FOR =
  /^([\w-]{1,200}|approval|resume|backup|project:[0-9a-f]{40}|(agent|circuit):((tool|flow|mcp):)?[A-Za-z0-9][A-Za-z0-9 ._-]{0,62})$/;
const GATE = /^(approval|resume|backup|\w+:.+)$/;
const hash = z.string().regex(/^[\w-]{43}$/);

const reference = z.strictObject({ reference: z.literal(true), sha256: z.string().regex(/^[0-9a-f]{64}$/), bytes: z.int().min(1) });
const error = z.strictObject({ code: z.string().min(1).max(100), message: z.string().max(10_000) });

const EVENTS = [
  ...['waiting', 'queued', 'running', 'succeeded', 'failed', 'expired', 'cancelled', 'dead', 'retry', 'redriven', 'settled'],
  ...['cancel_requested', 'parked', 'progress', 'dead_lettered', 'callback_delivered', 'callback_failed'],
  ...['admitted', 'approved', 'backed_up', 'held'],
];

/** One entry: what it says beyond these depends on the event. */
export const entrySchema = z.strictObject({
  at: time,
  event: z.enum(EVENTS),
  by: z.string().min(1).optional(),
  epoch: z.int().min(0).optional(),
  attempt: z.int().min(1).optional(),
  code: z.string().max(100).optional(),
  note: z.string().max(1_024).optional(),
  /** What it waits for: all of it where it begins, later the gate that it stands at. */
  for: z.array(z.string().regex(WAITED_FOR)).min(1).optional(),
  to: z.string().regex(WAITED_FOR).optional(),
  backupId: z.string().optional(),
  overrunMicros: z.int().min(1).optional(),
  round: z.int().min(1).optional(),
  status: z.int().optional(),
  reason: z.string().optional(),
  hash,
});

export const taskSchema = z
  .strictObject({
    id: z.string().regex(ID),
    agent: z.string().min(1).max(63),
    mode: z.enum(['http', 'pubsub']),
    status: z.enum(STATUSES),
    traceId: z.string().min(1).max(200),
    payload: z.union([reference, z.record(z.string(), z.unknown())]),
    result: z.unknown().optional(),
    error: error.optional(),
    lastError: error.optional(),
    retryAt: time.optional(),
    budgetCents: cents,
    costCents: cents,
    ttl: z.number().positive(),
    attempts: z.int().min(0).max(20),
    idempotencyKey: z.string().min(1).max(500).optional(),
    callbackUrl: z.string().max(2_048).optional(),
    metadata: z.record(z.string(), z.unknown()).optional(),
    work: z.record(z.string(), z.unknown()).optional(),
    sessionId: z.string().min(1).max(200).optional(),
    projectId: z.string().min(1).max(200).optional(),
    parentTaskId: z.string().min(1).max(200).optional(),
    dependencies: z.array(z.string().regex(ID)).min(1).max(100).optional(),
    waitingFor: z.array(z.string().regex(WAITED_FOR)).min(1).max(105).optional(),
    backupId: z.string().min(1).max(200).optional(),
    cancelRequested: z.literal(true).optional(),
    createdAt: time,
    updatedAt: time,
    finishedAt: time.optional(),
    timeline: z.array(entrySchema).min(1).max(201),
  })
  .superRefine((task, context) => {
    const ended = ['succeeded', 'failed', 'expired', 'cancelled', 'dead'].includes(task.status);
    const wrong = (message: string) => context.addIssue({ code: 'custom', message });
    if (ended !== (task.finishedAt !== undefined)) wrong(`is ${task.status} with finishedAt ${task.finishedAt}`);
    if ((task.status === 'succeeded') !== 'result' in task) wrong(`is ${task.status} with result ${JSON.stringify(task.result)}`);
    if (ended && (task.lastError ?? task.retryAt) !== undefined) wrong(`is ${task.status}, and to be tried again`);
    if (ended && task.status !== 'succeeded' && task.error === undefined) wrong(`is ${task.status} without an error`);
    if (task.costCents > task.budgetCents && !task.timeline.some(({ event }) => event === 'redriven'))
      wrong('costs more than its budget');
    // What its agent's circuit holds is queued on.
    const isHeld = task.status === 'queued' && task.waitingFor?.every((one) => one.startsWith('circuit:'));
    if (task.waitingFor !== undefined && task.status !== 'waiting' && !isHeld)
      wrong(`is ${task.status}, and waits for ${task.waitingFor}`);
    if (task.waitingFor?.some((one) => !GATE.test(one) && !task.dependencies?.includes(one)))
      wrong('waits for what is none of its dependencies');
    if (task.updatedAt < task.createdAt) wrong('was changed before it was made');
    if (task.ttl > Date.parse(task.updatedAt) / 1000 + 604_801) wrong('may run for more than 7 days');
  });

/** Of `/task-status/{id}`: a submitted task shows its packet too. */
export const packetSchema = taskSchema.safeExtend({
  task_id: z.string().min(1).max(500),
  system_name: z.string().min(1).max(63),
  module_name: z.string().min(1).max(500),
  task_type: z.enum(['analysis', 'modification', 'verification', 'deployment']),
  constraints: z.array(z.unknown()).max(100),
  dependencies: z.array(z.string().regex(ID)).max(100),
  business_rules: z.array(z.unknown()).max(100),
  philosophy_tags: z.array(z.string().max(200)).max(100),
  backup_id: z.string().max(200).nullable(),
  priority: z.int().min(-1000).max(1000),
  max_retries: z.int().min(1).max(20),
});
export const submittedSchema = z.strictObject({ status: z.literal('success'), task_id: z.string().min(1).max(500) });

export const tasksSchema = z.strictObject({
  tasks: z.array(taskSchema).max(200),
  nextCursor: z.string().min(1).max(2_000).optional(),
});
export const updateSchema = z.strictObject({ status: z.enum([...STATUSES, 'stale']) });
export const ingestSchema = z.strictObject({ status: z.literal('ok'), job_id: z.string() });
export const renewalSchema = z.strictObject({ status: z.literal('held'), cancelRequested: z.boolean() });
export const keysSchema = z.strictObject({ keys: z.array(z.string().min(1)).min(1) });

const attemptSchema = z.strictObject({
  taskId: z.string().regex(ID),
  agent: z.string().min(1),
  tenant: z.string().min(1),
  traceId: z.string().min(1),
  payload: z.record(z.string(), z.unknown()),
  work: z.record(z.string(), z.unknown()).optional(),
  ttl: z.number().positive(),
  budgetCents: cents,
  idempotencyKey: z.string().optional(),
  epoch: z.int().min(1),
  attempt: z.int().min(1),
  outcomeToken: z.string().min(1).max(300),
  effectId: z.string().min(1),
  leaseMs: z.number().positive(),
  quoteMicros: z.int().min(0),
});

/** Of `/task/{id}/claim` and `/task/adopt`. */
export const claimSchema = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('claimed'), attempt: attemptSchema }),
  z.strictObject({ kind: z.enum(['acknowledge', 'later', 'ended']), taskId: z.string().optional() }),
]);

/** Of the agent protocol. */
export const runSchema = z.strictObject({
  status: z.literal('succeeded'),
  result: z.unknown(),
  costCents: cents,
  taskId: z.string().regex(ID).optional(),
});

export const checkSchema = z.discriminatedUnion('status', [
  z.strictObject({ status: z.literal('held') }),
  z.strictObject({ status: z.literal('stopped'), error }),
]);

export type TaskView = z.output<typeof taskSchema>;
/** The last event of a task carries its view. */
export const endFrameSchema = taskSchema;
