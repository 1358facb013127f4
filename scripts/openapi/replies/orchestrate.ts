/** What the replies about intents and jobs look like, to the last field. */

import { z } from 'zod';

const time = z.iso.datetime({ precision: 3 });
const error = z.strictObject({ code: z.string().min(1).max(100), message: z.string().max(10_000) });
const mode = z.enum(['flow', 'mcp', 'agent']);
const ms = z.number().min(0);
const jobId = z.string().regex(/^job_[\w-]{1,200}$/);

const named = { job_id: jobId, mode, callback_url: z.string().max(2_048).optional() };

/** The answer to `/orchestrate` when the job has ended. */
export const endedAnswerSchema = z.strictObject({
  status: z.enum(['success', 'error', 'cancelled']),
  result: z.unknown().optional(),
  error: error.optional(),
  ...named,
  duration_ms: ms,
});

/** The answer to `/orchestrate` when the job goes on. */
export const acceptedAnswerSchema = z.strictObject({ status: z.literal('accepted'), ...named, message: z.string().min(1) });

/** What a log line says beyond these depends on the event. */
const logLine = z.looseObject({ at: time, message: z.string().min(1) });

export const jobSchema = z.strictObject({
  ...named,
  intent: z.string().min(1).max(200),
  status: z.enum(['queued', 'running', 'success', 'cancelled', 'error']),
  result: z.unknown().optional(),
  error: error.optional(),
  duration_ms: ms,
  metrics: z.strictObject({ duration_ms: ms, cost_cents: z.number().min(0), attempts: z.int().min(0) }),
  logs: z.array(logLine).max(202),
  created_at: time,
  finished_at: time.optional(),
});

export const intentSchema = z.strictObject({
  name: z.string().min(1).max(56),
  mode,
  target: z.string().min(1).max(2_048),
  timeLimitSeconds: z.number().positive().max(540),
  priceCents: z.number().min(0),
  concurrency: z.int().min(1).optional(),
  dangerous: z.boolean(),
  source: z.enum(['built-in', 'settings', 'tenant']),
});
export const intentsSchema = z.strictObject({
  intents: z.array(intentSchema),
  nextCursor: z.string().min(1).max(2_000).optional(),
});
export const intentGoneSchema = z.strictObject({ status: z.literal('success'), name: z.string(), mode: z.enum(['flow', 'mcp']) });

export const serversSchema = z.strictObject({ servers: z.array(z.strictObject({ name: z.string().min(1) })) });
export const toolsSchema = z.strictObject({
  tools: z.array(
    z.strictObject({
      name: z.string(),
      description: z.string().optional(),
      /** JSON Schema, as the server gives it. */
      inputSchema: z.record(z.string(), z.unknown()),
    }),
  ),
});

/** The data of an event: `job` first, each log under its own name, at the end `result`. */
export const jobEventSchema = z.union([
  z.strictObject({ job_id: jobId, intent: z.string(), mode, message: z.string().optional() }),
  logLine,
  jobSchema,
]);

/** Of `/api/v1/ssh/exec`: what came of the command, or, where it was not confirmed, what would be run. */
export const executedSchema = z.union([
  z.strictObject({
    host: z.string().min(1),
    command: z.string().min(1),
    stdout: z.string(),
    stderr: z.string(),
    exit_code: z.int().nullable(),
    duration_ms: ms,
    /** The outputs that were longer than what is shown. */
    truncated: z.array(z.enum(['stdout', 'stderr'])).optional(),
  }),
  z.strictObject({
    dry_run: z.literal(true),
    would_execute: z.unknown(),
    note: z.string(),
    hint: z.string(),
  }),
]);
