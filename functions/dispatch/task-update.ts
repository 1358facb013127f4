/**
 * What agents report over HTTPS: progress notes, parking, outcomes. The proof is the attempt's outcome token, checked before
 * anything is read.
 */

import type { IncomingMessage } from 'node:http';
import * as z from 'zod';
import { isWholeMicros, microsFromCents } from '../core/budgets/money.ts';
import { carriable } from '../core/claim-check.ts';
import { close } from '../core/close.ts';
import { aliasedId } from '../core/create.ts';
import { Problem } from '../core/errors.ts';
import { checked } from '../core/http.ts';
import { taskIdOf } from '../core/intents/job-view.ts';
import { resultSchema } from '../core/json-value.ts';
import { note, park, retry } from '../core/lease.ts';
import { type Outcome, publishSigned } from '../core/run-message.ts';
import type { Runtime } from '../core/runtime.ts';
import { readTask } from '../core/store.ts';
import type { JsonObject } from '../core/task.ts';
import { onward } from '../core/trace.ts';
import { wrongToken } from './agent-claims.ts';
import { notFound } from './task-view.ts';

/** A body as it came, and each header as often as it came. */
export interface Signed {
  readonly headers: IncomingMessage['headersDistinct'];
  readonly bytes: Buffer;
}

/** Whether a request claims to be proved so. */
export const isSigned = ({ headers }: Signed): boolean =>
  headers['x-signature'] !== undefined || headers['webhook-signature'] !== undefined;

const outcomeSchema = z.strictObject({
  status: z.enum(['succeeded', 'failed', 'expired', 'cancelled', 'retry']),
  result: resultSchema.optional(),
  error: z.strictObject({ code: z.string().min(1).max(100), message: z.string().max(10_000) }).optional(),
  costCents: z.number().min(0).refine(isWholeMicros, 'has a fraction below a micro-dollar').optional(),
  retryAfterMs: z.number().min(0).max(86_400_000).optional(),
  endedAt: z.number().positive().optional(),
});

const proof = { epoch: z.int().min(1), outcomeToken: z.string().max(300) };

/** The body of `POST /task-update/{id}`. */
export const updateBody = z
  .strictObject({
    ...proof,
    note: z.string().max(1_024).optional(),
    parked: z.literal(true).optional(),
    outcome: outcomeSchema.optional(),
  })
  .refine(
    (body) => [body.note, body.parked, body.outcome].filter((part) => part !== undefined).length === 1,
    'takes exactly one of note, parked and outcome',
  );

/** The body of `POST /callbacks/ingest`. */
export const ingestBody = z.strictObject({ job_id: z.string().min(1).max(200), ...proof, outcome: outcomeSchema });

/**
 * `POST /task-update/{id}`, where an alias of the tenant's stands for an id too: `{status}` of the task after it. Throws `Problem`
 * 401, 404, 409 `lease_lost`, 422.
 */
export async function postTaskUpdate(runtime: Runtime, tenant: string, name: string, given: unknown): Promise<JsonObject> {
  const body = checked(updateBody, given);
  const names = [name, aliasedId(tenant, name)];
  const id = names.find((one) => runtime.signing.outcomeTokenValid(body.outcomeToken, one, body.epoch));
  if (id === undefined) throw wrongToken();
  if (body.outcome === undefined) {
    const held = body.parked ? await park(runtime, id, body.epoch) : await note(runtime, id, body.epoch, body.note ?? '');
    if (held.kind === 'lost') throw new Problem(409, 'lease_lost', 'Another attempt has taken this task over, or it has ended.');
    return { status: held.known.task.status };
  }
  const outcome = await received(runtime, id, body.outcome);
  if (outcome.status === 'retry') return { status: await retried(runtime, id, body.epoch, outcome) };
  const closed = await close(runtime, id, { ...outcome, status: outcome.status }, body.epoch);
  if (closed.kind === 'absent') throw notFound(id);
  return { status: closed.known.task.status };
}

/**
 * `POST /callbacks/ingest`: an outcome by the job's id. One with an outcome token is verified and then published on `results`; one that
 * is signed instead ends its job at once. Throws `Problem` 400 `job_id_required`, 401, 422, and what `ingestSigned` throws.
 */
export async function ingestCallback(runtime: Runtime, given: unknown, signed: Signed): Promise<JsonObject> {
  const { job_id: jobId, outcomeToken } = (given ?? {}) as { job_id?: unknown; outcomeToken?: unknown };
  if (jobId === undefined) {
    throw new Problem(400, 'job_id_required', 'job_id is missing.', {
      fields: [{ field: 'job_id', code: 'required', message: 'is missing' }],
    });
  }
  if (outcomeToken === undefined && isSigned(signed))
    return (await import('./signed-callback.ts')).ingestSigned(runtime, jobId, signed, given);
  const body = checked(ingestBody, given);
  const ids = [body.job_id, taskIdOf(body.job_id)];
  const id = ids.find((one) => runtime.signing.outcomeTokenValid(body.outcomeToken, one, body.epoch));
  if (id === undefined) throw wrongToken();
  const outcome = await received(runtime, id, body.outcome);
  const message = { taskId: id, epoch: body.epoch, outcomeToken: body.outcomeToken, outcome };
  await publishSigned(runtime, runtime.settings.topics.results, message, onward(runtime.ids));
  return { status: 'ok', job_id: body.job_id };
}

/** The outcome as the rules take it: money in micro-dollars, a large result in storage, an end no later than now. */
async function received(runtime: Runtime, id: string, given: z.output<typeof outcomeSchema>): Promise<Outcome> {
  const { costCents, result, endedAt, ...outcome } = given;
  const now = runtime.clock.now();
  const ended = {
    ...outcome,
    endedAt: Math.min(endedAt ?? now, now),
    ...(costCents === undefined ? {} : { costMicros: microsFromCents(costCents) }),
  };
  if (outcome.status !== 'succeeded') return ended;
  const tenant = (await readTask(runtime, id))?.task.tenant ?? 'default';
  return carriable(runtime, tenant, id, { ...ended, result: result ?? null });
}

async function retried(runtime: Runtime, id: string, epoch: number, outcome: Outcome): Promise<string> {
  const error = outcome.error ?? { code: 'retry', message: 'The agent asked for another attempt.' };
  const answer = await retry(runtime, id, epoch, { error, costMicros: outcome.costMicros, retryAfterMs: outcome.retryAfterMs });
  if (answer.kind === 'absent') throw notFound(id);
  return answer.kind === 'stale' ? 'stale' : answer.known.task.status;
}
