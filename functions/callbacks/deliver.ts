/**
 * Delivers one callback: the task view, signed, to the task's `callbackUrl`. One id over all tries, a fresh time for each. A large
 * payload or result is named by its reference: `GET /task/{id}` gives it.
 *
 * Source: Standard Webhooks (standardwebhooks.com).
 */

import { Problem } from '../core/errors.ts';
import { callbackId, callbackOf } from '../core/follow-ups.ts';
import { jobView } from '../core/intents/job-view.ts';
import type { PushMessage } from '../core/push-gate.ts';
import type { Runtime } from '../core/runtime.ts';
import { decideAndWrite, readTask } from '../core/store.ts';
import { isEnded, type Known, type Task } from '../core/task.ts';
import { taskView } from '../core/task-view.ts';
import { hopOf } from '../core/trace.ts';
import { signWebhook } from '../core/webhook.ts';
import { webhookKeys } from '../core/webhook-keys.ts';

const TIME_LIMIT_MS = 15_000;
const MAX_REPLY_BYTES = 65_536;

/** Throws `Problem` 503 `callback_failed` when it is to be tried again. */
export async function deliver(runtime: Runtime, message: PushMessage): Promise<void> {
  const callback = await callbackOf(runtime, message);
  const known = callback && (await readTask(runtime, callback.taskId));
  if (known === undefined || !isDue(known.task, callback?.redrives)) return;
  const status = await post(runtime, known);
  if (status >= 200 && status < 300) return record(runtime, known, 'delivered', { status });
  if (status === 410) return record(runtime, known, 'failed', { status, reason: 'gone' });
  throw new Problem(503, 'callback_failed', `The callback was answered with ${status}; it will be tried again.`);
}

/** A task that was redriven meanwhile has another end to tell of, under another id. */
const isDue = (task: Task, redrives: number | undefined): boolean =>
  isEnded(task.status) && task.redrives === redrives && task.callbackUrl !== undefined && task.callback === undefined;

async function post(runtime: Runtime, { id, task }: Known<Task>): Promise<number> {
  const body = JSON.stringify(task.job === undefined ? taskView(id, task) : jobView(id, task));
  const keys = await webhookKeys(runtime, task.tenant);
  try {
    const { status } = await runtime.egress.request({
      url: task.callbackUrl ?? '',
      trust: 'user',
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        ...hopOf(runtime.ids, task),
        ...signWebhook({ id: callbackId(id, task.redrives), atMs: runtime.clock.now(), body, keys }),
      },
      body,
      timeoutMs: TIME_LIMIT_MS,
      maxBytes: MAX_REPLY_BYTES,
    });
    return status;
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    throw new Problem(503, 'callback_failed', `The callback could not be delivered: ${error.message}`, { cause: error });
  }
}

/** The first record stands: a duplicate delivery of the same message changes nothing. */
async function record(
  runtime: Runtime,
  known: Known,
  callback: 'delivered' | 'failed',
  detail: Record<string, unknown>,
): Promise<void> {
  await decideAndWrite<void>(
    runtime,
    known.id,
    known,
    ({ task }) => {
      if (task.callback !== undefined || task.redrives !== known.task.redrives) return { answer: undefined };
      return { change: { set: { callback }, event: { event: `callback_${callback}`, ...detail } }, gives: () => undefined };
    },
    undefined,
  );
}
