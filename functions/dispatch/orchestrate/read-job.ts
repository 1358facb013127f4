import type { Caller } from '../../core/authenticate.ts';
import { Problem } from '../../core/errors.ts';
import { jobView, taskIdOf } from '../../core/intents/job-view.ts';
import type { Runtime } from '../../core/runtime.ts';
import type { JsonObject } from '../../core/task.ts';
import { fullTask } from '../task-view.ts';

/** `GET /jobs/{id}`: a job of the caller's tenant, with its result. Throws `Problem` 404 `job_not_found`, also for a task that is none. */
export async function getJob(runtime: Runtime, caller: Caller, jobId: string): Promise<JsonObject> {
  const id = taskIdOf(jobId);
  const task = await fullTask(runtime, caller, id).catch((error) => {
    throw error instanceof Problem && error.status === 404 ? notFound(jobId) : error;
  });
  if (task.job === undefined) throw notFound(jobId);
  return jobView(id, task);
}

const notFound = (jobId: string): Problem => new Problem(404, 'job_not_found', `There is no job ${jobId.slice(0, 100)}.`);
