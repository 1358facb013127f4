/** How a job is shown: the task of an intent, in the words of row O4. */

import { centsFromMicros } from '../budgets/money.ts';
import { isEnded, type JsonObject, type Status, spentMicros, type Task, type TimelineEntry } from '../task.ts';
import { intentOfName } from './intents.ts';

/** Jobs are named by their task's id behind this. */
const PREFIX = 'job_';

/** What the job of a task is called. */
export const jobIdOf = (taskId: string): string => `${PREFIX}${taskId}`;

/** The id of a job's task. The task's own id will do as well. */
export const taskIdOf = (jobId: string): string => (jobId.startsWith(PREFIX) ? jobId.slice(PREFIX.length) : jobId);

const STATUS: Readonly<Partial<Record<Status, string>>> = {
  waiting: 'queued',
  queued: 'queued',
  running: 'running',
  succeeded: 'success',
  cancelled: 'cancelled',
};

/** The job: `status` is queued, running, success, cancelled or error. */
export function jobView(id: string, task: Task): JsonObject {
  const { job, error, timeline, callbackUrl } = task;
  const { name, mode } = intentOfName(task.agent) ?? { name: task.agent, mode: 'agent' };
  return {
    job_id: jobIdOf(id),
    intent: name,
    mode,
    status: STATUS[task.status] ?? 'error',
    ...resultOf(task),
    ...(error === undefined ? {} : { error }),
    duration_ms: durationOf(task),
    metrics: { duration_ms: durationOf(task), cost_cents: centsFromMicros(spentMicros(task)), attempts: task.attempts },
    logs: [...(job?.why === undefined ? [] : [{ at: iso(task.createdAt), message: `mode ${job.why}` }]), ...timeline.map(logView)],
    ...(callbackUrl === undefined ? {} : { callback_url: callbackUrl }),
    created_at: iso(task.createdAt),
    ...(task.finishedAt === undefined ? {} : { finished_at: iso(task.finishedAt) }),
  };
}

/** An entry of the timeline as a job's log shows it. */
export const logView = ({ at, event, hash: _, ...detail }: TimelineEntry): JsonObject => ({
  at: iso(at),
  message: event,
  ...detail,
});

/** The answer to `/orchestrate`: the result, or the job that goes on. */
export function jobAnswer(id: string, task: Task): JsonObject {
  const { job_id, mode, status, error, duration_ms, callback_url } = jobView(id, task);
  const common = { job_id, mode, ...(callback_url === undefined ? {} : { callback_url }) };
  if (!isEnded(task.status)) return { status: 'accepted', ...common, message: 'Job accepted for async processing' };
  if (task.status === 'succeeded') return { status, ...resultOf(task), ...common, duration_ms };
  return { status, error, ...common, duration_ms };
}

/** A large result is named by its reference. */
const resultOf = ({ result, resultRef }: Task): JsonObject => {
  if (resultRef !== undefined) return { result: { reference: true, sha256: resultRef.sha256, bytes: resultRef.bytes } };
  return result === undefined ? {} : { result };
};

/** Milliseconds from its creation to its end, if it has ended. */
const durationOf = ({ createdAt, finishedAt, updatedAt }: Task): number => (finishedAt ?? updatedAt) - createdAt;

const iso = (ms: number): string => new Date(ms).toISOString();
