import type { Caller } from '../../core/authenticate.ts';
import { Problem } from '../../core/errors.ts';
import { jobView, taskIdOf } from '../../core/intents/job-view.ts';
import type { Runtime } from '../../core/runtime.ts';
import type { JsonObject, Known, Task } from '../../core/task.ts';
import { ownTask, withResult } from '../task-view.ts';

/** `GET /jobs/{id}`: a job of the caller's tenant, with its result. Throws `Problem` 404 `job_not_found`, also for a task that is none. */
export async function getJob(runtime: Runtime, caller: Caller, jobId: string): Promise<JsonObject> {
  const { id, task } = await ownJob(runtime, caller, jobId);
  return jobView(id, await withResult(runtime, task));
}

/** The task of a job of the caller's tenant. Throws `Problem` 404 `job_not_found`. */
export async function ownJob(runtime: Runtime, caller: Caller, jobId: string): Promise<Known<Task>> {
  const known = await ownTask(runtime, caller, taskIdOf(jobId)).catch((error) => {
    throw error instanceof Problem && error.status === 404 ? notFound(jobId) : error;
  });
  if (known.task.job === undefined) throw notFound(jobId);
  return known;
}

const notFound = (jobId: string): Problem => new Problem(404, 'job_not_found', `There is no job ${jobId.slice(0, 100)}.`);
