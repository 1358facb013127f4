/** What the replies about what is held up, asked for, and recorded have to look like, to the last field. */

import { z } from 'zod';
import { agentSchema } from './agents.ts';
import { backupSchema } from './projects.ts';
import { taskSchema } from './tasks.ts';

const time = z.iso.datetime({ precision: 3 });
const cents = z.number().min(0);
const cursor = z.string().min(1).max(2_000).optional();
const hash = z.string().regex(/^[\w-]{43}$/);
const since = { since: time, by: z.string().min(1) };
const held = { ...since, effectiveAt: time };

const switches = {
  stopped: z.strictObject(held).optional(),
  paused: z
    .array(
      z.union([
        z.strictObject({ all: z.literal(true), ...held }),
        z.strictObject({ agent: z.string().min(1).max(63), ...held }),
        z.strictObject({ project: z.string().min(1).max(100), ...held }),
      ]),
    )
    .max(2_000),
  off: z.array(z.strictObject({ agent: z.string().min(1).max(63), ...held })).max(2_000),
};
export const switchesSchema = z.strictObject(switches);

export const approvalPolicySchema = z.strictObject({
  taskTypes: z.array(z.enum(['analysis', 'modification', 'verification', 'deployment'])),
  agents: z.array(z.string().min(1).max(63)).max(500),
  costAboveCents: cents.optional(),
  fourEyes: z.boolean(),
  changedAt: time.optional(),
  changedBy: z.string().min(1).optional(),
  effectiveAt: time.optional(),
});

const run = z.strictObject({
  taskId: z.string().min(1).max(200),
  agent: z.string().min(1).max(63),
  traceId: z.string().min(1).max(200),
  attempt: z.int().min(1),
  epoch: z.int().min(1),
  since: time,
  parked: z.literal(true).optional(),
});
const perList = <T extends z.ZodType>(value: T) =>
  z.strictObject({ tasks: value.optional(), agents: value.optional(), backups: value.optional(), runs: value.optional() });
export const systemStateSchema = z.strictObject({
  tasks: z.array(taskSchema).max(200).optional(),
  agents: z.array(agentSchema).max(200).optional(),
  backups: z.array(backupSchema).max(200).optional(),
  runs: z.array(run).max(200).optional(),
  next: perList(z.string().min(1).max(2_000)),
  counts: perList(z.int().min(0).max(200)),
  ...switches,
});

export const approvalsSchema = z.strictObject({
  approvals: z
    .array(
      z.strictObject({
        taskId: z.string().min(1).max(200),
        agent: z.string().min(1).max(63),
        hash,
        ...since,
        budgetCents: cents,
        task: taskSchema,
      }),
    )
    .max(200),
  nextCursor: cursor,
});
export const decidedSchema = z.strictObject({
  taskId: z.string().min(1).max(200),
  decision: z.enum(['approved', 'rejected']),
  hash,
  by: z.string().min(1),
  at: time,
  comment: z.string().max(1_000).optional(),
  task: taskSchema,
});

const entry = z.strictObject({
  at: time,
  event: z.string().regex(/^[a-z_]{1,100}$/),
  entity: z.string().min(1).max(300),
  actor: z.string().min(1).max(300).optional(),
  detail: z.record(z.string(), z.unknown()).optional(),
  number: z.int().min(0),
  hash,
});
export const auditSchema = z.strictObject({ entries: z.array(entry).max(200), nextCursor: cursor });

/** One line of an export. */
export const exportLineSchema = z.union([
  entry.extend({ cursor: z.string().min(1).max(2_000) }),
  z.strictObject({ end: z.literal(true) }),
]);
