/**
 * The late answer of a flow, proved by a signature over its bytes: `X-Signature`, or a Standard Webhook. Each flow has a key of its own
 * for each tenant, and its job says which. So one document is read before the proof, and whoever has none gets the same answer,
 * for the same work, whether or not there is such a job.
 *
 * A webhook that comes again is answered as it was, and changes nothing: the first outcome of a job stands.
 */

import { createHash } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import * as z from 'zod';
import { carriable } from '../core/claim-check.ts';
import { close } from '../core/close.ts';
import { Problem } from '../core/errors.ts';
import { checked } from '../core/http.ts';
import { intentOfName } from '../core/intents/intents.ts';
import { taskIdOf } from '../core/intents/job-view.ts';
import { resultSchema } from '../core/json-value.ts';
import type { Runtime } from '../core/runtime.ts';
import { readTask } from '../core/store.ts';
import { isEnded, type JsonObject, type Known, type Task, type TaskError } from '../core/task.ts';
import { verifyBodyHmac, verifyWebhook } from '../core/webhook.ts';
import { flowKeys } from '../core/webhook-keys.ts';
import type { Signed } from './task-update.ts';

const reason = z.union([
  z.string().max(10_000),
  z.strictObject({ code: z.string().min(1).max(100).default('flow_failed'), message: z.string().max(10_000) }),
]);

/** The body of a signed `POST /callbacks/ingest`. */
export const signedBody = z
  .strictObject({
    job_id: z.string().min(1).max(200),
    status: z.enum(['success', 'error']),
    result: resultSchema.optional(),
    error: reason.optional(),
    /** Of the attempt, as the flow was told: without it, the last one. */
    epoch: z.int().min(1).optional(),
    /** Job documents carry it; ours is measured here. */
    duration_ms: z.number().optional(),
  })
  .refine(({ status, result, error }) => (status === 'success' ? error : result) === undefined, {
    message: 'has a result and no error if its status is success, else an error and no result',
  });

type Report = z.output<typeof signedBody>;

/**
 * Ends a job of a flow: `{status: "ok", job_id}`, also where it had ended just so. A success counts whatever became of its attempt; an
 * error while that runs. Throws `Problem` 401 `unauthenticated`; for whoever has proved himself 409 `job_ended`, `job_not_running`,
 * 413 `too_large`, 422 `invalid_fields`.
 */
export async function ingestSigned(runtime: Runtime, jobId: unknown, signed: Signed, given: unknown): Promise<JsonObject> {
  const known = await readTask(runtime, typeof jobId === 'string' ? taskIdOf(jobId) : '');
  const named = known && intentOfName(known.task.agent);
  const isFlow = named?.mode === 'flow';
  // Nobody is given the keys of no tenant.
  const keys = await flowKeys(runtime, isFlow ? (known?.task.tenant ?? '') : '', isFlow ? named.name : '');
  const by = verified(signed, keys, runtime.clock.now());
  if (known === undefined) throw new Problem(401, 'unauthenticated', 'The signature belongs to no job.');
  await record(runtime, known, checked(signedBody, given), by);
  return { status: 'ok', job_id: jobId };
}

/** Who signed, for the timeline. */
function verified({ headers, bytes }: Signed, keys: readonly string[], nowMs: number): string {
  if (headers['webhook-signature'] !== undefined) return `webhook ${verifyWebhook(headers, bytes, keys, nowMs)}`;
  const signature = headers['x-signature']?.map((one) => one.replace(/^sha256=/i, ''));
  // No early end: each key is tried, whichever fits.
  const refusals = keys.map((key) => refusalOf(() => verifyBodyHmac(signature, bytes, key)));
  if (!refusals.includes(undefined)) throw refusals[0];
  return 'X-Signature';
}

function refusalOf(verify: () => void): unknown {
  try {
    verify();
  } catch (error) {
    return error;
  }
  return undefined;
}

async function record(runtime: Runtime, known: Known<Task>, report: Report, by: string): Promise<void> {
  const { task, id } = known;
  if (isEnded(task.status)) return same(task, report);
  const { epoch = task.epoch } = report;
  // Those before a redrive belong to another life.
  const hasRun = epoch <= task.epoch && task.attempts > 0;
  const isRunning = task.status === 'running' && epoch === task.epoch;
  if (!hasRun || (report.status === 'error' && !isRunning)) throw notRunning(task);
  const endedAt = runtime.clock.now();
  const outcome =
    report.status === 'success'
      ? await carriable(runtime, task.tenant, id, { status: 'succeeded', result: report.result ?? null, endedAt })
      : ({ status: 'failed', error: errorOf(report), endedAt } as const);
  const end = { ...outcome, status: report.status === 'success' ? 'succeeded' : 'failed', by } as const;
  const closed = await close(runtime, id, end, epoch, known);
  if (closed.kind === 'closed' && closed.known.task.status === end.status) return;
  // Somebody else was quicker, or it had expired.
  const now = await readTask(runtime, id);
  if (now === undefined || !isEnded(now.task.status)) throw notRunning(task);
  same(now.task, report);
}

/** Throws for an end other than what is reported. */
function same(task: Task, report: Report): void {
  const isSame =
    report.status === 'success'
      ? task.status === 'succeeded' && isResult(task, report.result ?? null)
      : task.status === 'failed' && isDeepStrictEqual({ ...task.error }, errorOf(report));
  if (isSame) return;
  throw new Problem(409, 'job_ended', `This job has ended otherwise (${task.status}); its first outcome stands.`);
}

function isResult({ result, resultRef }: Task, reported: unknown): boolean {
  if (resultRef === undefined) return isDeepStrictEqual(result ?? null, reported);
  return createHash('sha256').update(JSON.stringify(reported)).digest('hex') === resultRef.sha256;
}

function errorOf({ error = 'The flow reported an error, and no reason.' }: Report): TaskError {
  return typeof error === 'string' ? { code: 'flow_failed', message: error } : error;
}

const notRunning = ({ status, epoch }: Task): Problem =>
  new Problem(
    409,
    'job_not_running',
    `This attempt does not run: the job is ${status}, and its last attempt has the epoch ${epoch}.`,
  );
