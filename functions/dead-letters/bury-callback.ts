/** A dead-lettered callback is marked as failed on its task; nothing else changes. */

import { type PushMessage, parsedData } from '../core/push-gate.ts';
import { quarantine } from '../core/quarantine.ts';
import { type CallbackMessage, SIGNATURE } from '../core/run-message.ts';
import type { Runtime } from '../core/runtime.ts';
import { decideAndWrite } from '../core/store.ts';

/** Notes on the task's timeline that its callback could not be delivered. */
export async function buryCallback(runtime: Runtime, { message }: { readonly message: PushMessage }): Promise<void> {
  const parsed = parsedData(message.data)?.value as CallbackMessage | undefined;
  if (parsed === undefined || !runtime.signing.messageValid(message.data, message.attributes[SIGNATURE])) {
    return quarantine(runtime, message, { code: 'invalid_callback', reason: 'The message is not a signed callback.' });
  }
  await decideAndWrite<void>(
    runtime,
    parsed.taskId,
    undefined,
    ({ task }) => {
      if (task.redrives !== parsed.redrives || task.callback !== undefined) return { answer: undefined };
      return { change: { set: { callback: 'failed' }, event: { event: 'callback_failed' } }, gives: () => undefined };
    },
    undefined,
  );
}
