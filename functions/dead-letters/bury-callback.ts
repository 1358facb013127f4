/** A dead-lettered callback is marked as failed on its task; nothing else changes. */

import { callbackOf } from '../core/follow-ups.ts';
import type { Incoming } from '../core/push-gate.ts';
import type { Runtime } from '../core/runtime.ts';
import { decideAndWrite } from '../core/store.ts';

/** Notes on the task's timeline that its callback could not be delivered. */
export async function buryCallback(runtime: Runtime, { message }: Incoming): Promise<void> {
  const callback = await callbackOf(runtime, message);
  if (callback === undefined) return;
  await decideAndWrite<void>(
    runtime,
    callback.taskId,
    undefined,
    ({ task }) => {
      if (task.redrives !== callback.redrives || task.callback !== undefined) return { answer: undefined };
      return { change: { set: { callback: 'failed' }, event: { event: 'callback_failed' } }, gives: () => undefined };
    },
    undefined,
  );
}
