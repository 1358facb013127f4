/** `Accept: text/event-stream` on `POST /orchestrate` and `GET /jobs/{id}`: what happens to a job, and at the end its result. */

import type { Request, Response } from 'router';
import type { Caller } from '../../core/authenticate.ts';
import { jobView, logView } from '../../core/intents/job-view.ts';
import type { Runtime } from '../../core/runtime.ts';
import type { Task } from '../../core/task.ts';
import { streamTask, type Told } from '../event-stream.ts';
import { withResult } from '../task-view.ts';
import { orchestrate } from './orchestrate.ts';
import { ownJob } from './read-job.ts';

/** Whether a client wants events rather than JSON: the one of them that it names first. */
export function wantsEvents({ headers }: Pick<Request, 'headers'>): boolean {
  const types = (headers.accept ?? '').split(',').map((one) => one.split(';', 1)[0]?.trim().toLowerCase());
  return (
    types.find((type) => type === 'text/event-stream' || type === 'application/json' || type === '*/*') === 'text/event-stream'
  );
}

/**
 * `POST /orchestrate`, answered with the job's events as they happen. The run does not need its listener: it goes on when he leaves.
 * Throws what `orchestrate` throws, as long as there is no job.
 */
export async function streamOrchestrate(
  runtime: Runtime,
  caller: Caller,
  given: unknown,
  request: Request,
  response: Response,
): Promise<void> {
  const { promise: created, resolve, reject } = Promise.withResolvers<{ readonly taskId: string; readonly replayed: boolean }>();
  // Once there is a job nobody waits for this, and what goes wrong then is mended by the sweeper.
  orchestrate(runtime, caller, given, (taskId) => resolve({ taskId, replayed: false })).then(resolve, reject);
  const { taskId, replayed } = await created;
  const { task } = await ownJob(runtime, caller, taskId);
  stream(runtime, taskId, task, request, response, replayed ? { 'idempotent-replayed': 'true' } : {});
}

/** `GET /jobs/{id}`, likewise. Throws `Problem` 404 `job_not_found`. */
export async function streamJob(
  runtime: Runtime,
  caller: Caller,
  jobId: string,
  request: Request,
  response: Response,
): Promise<void> {
  const { id, task } = await ownJob(runtime, caller, jobId);
  stream(runtime, id, task, request, response);
}

/** First `job`, with its id, intent and mode; each log under its own name; at the end `result`, with the job's document. */
function stream(
  runtime: Runtime,
  id: string,
  task: Task,
  request: Request,
  response: Response,
  headers?: Readonly<Record<string, string>>,
): void {
  const { job_id, intent, mode } = jobView(id, task);
  const told: Told = {
    first: ['job', { job_id, intent, mode, ...(task.job === undefined ? {} : { message: `mode ${task.job.why}` }) }],
    entry: logView,
    end: async (ended: Task) => ['result', jobView(id, await withResult(runtime, ended))],
  };
  streamTask(runtime, id, told, request, response, headers);
}
