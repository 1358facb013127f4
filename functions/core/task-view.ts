/** How a task is shown. */

import { centsFromMicros } from './budgets/money.ts';
import { isEnded, type JsonObject, type Reference, spentMicros, type Task, type TimelineEntry } from './task.ts';

/** The task view: times as ISO 8601, money in cents, `ttl` in Unix seconds. A large payload or result shows as its reference. */
export function taskView(id: string, task: Task): JsonObject {
  return {
    id,
    agent: task.agent,
    mode: task.mode,
    status: task.status,
    traceId: task.traceId,
    payload: task.payloadRef ? referenceView(task.payloadRef) : task.payload,
    ...(task.resultRef ? { result: referenceView(task.resultRef) } : task.result !== undefined ? { result: task.result } : {}),
    ...(task.error ? { error: task.error } : {}),
    ...(task.lastError && !isEnded(task.status) ? { lastError: task.lastError } : {}),
    ...(task.retryAt === undefined ? {} : { retryAt: iso(task.retryAt) }),
    budgetCents: centsFromMicros(task.budgetMicros),
    costCents: centsFromMicros(spentMicros(task)),
    ttl: task.ttl,
    attempts: task.attempts,
    ...optional(task, ['idempotencyKey', 'callbackUrl', 'metadata', 'work', 'sessionId', 'projectId', 'parentTaskId']),
    ...optional(task, ['dependencies', 'waitingFor', 'backupId']),
    ...(task.cancelRequested ? { cancelRequested: true } : {}),
    createdAt: iso(task.createdAt),
    updatedAt: iso(task.updatedAt),
    ...(task.finishedAt === undefined ? {} : { finishedAt: iso(task.finishedAt) }),
    timeline: task.timeline.map(entryView),
  };
}

/** An entry of the timeline. */
export const entryView = ({ at, event, hash, ...detail }: TimelineEntry): JsonObject => ({ at: iso(at), event, ...detail, hash });

const iso = (ms: number): string => new Date(ms).toISOString();

const referenceView = ({ sha256, bytes }: Reference): JsonObject => ({ reference: true, sha256, bytes });

function optional(task: Task, keys: readonly (keyof Task)[]): JsonObject {
  return Object.fromEntries(keys.filter((key) => task[key] !== undefined).map((key) => [key, task[key]]));
}
