/** What must follow the end of a task. Each step is idempotent; the sweeper repeats what a crash left undone. */

import { PreconditionFailed } from './ports.ts';
import { type PushMessage, parsedData } from './push-gate.ts';
import { quarantine } from './quarantine.ts';
import { type CallbackMessage, publishSigned, SIGNATURE } from './run-message.ts';
import type { Runtime } from './runtime.ts';
import { writeChange } from './store.ts';
import type { Known } from './task.ts';

/** Does what is pending, then clears it. A version that has moved on is left to whoever moved it. */
export async function followUp(
  runtime: Pick<Runtime, 'documents' | 'signing' | 'clock' | 'settings' | 'messages'>,
  known: Known,
): Promise<void> {
  const { task } = known;
  if (task.pending === undefined || task.pending.length === 0) return;
  if (task.pending.includes('callback')) {
    await publishSigned(
      runtime,
      'callbacks',
      { taskId: known.id, redrives: task.redrives },
      { traceId: task.traceId.slice(0, 200) },
    );
  }
  try {
    await writeChange(runtime, known, { set: {}, remove: ['pending', 'wakeAt'] });
  } catch (error) {
    if (!(error instanceof PreconditionFailed)) throw error;
  }
}

/** The id of a task's callback: one per end, the same over all tries. */
export const callbackId = (taskId: string, redrives: number): string => (redrives === 0 ? taskId : `${taskId}-${redrives}`);

/** The callback that a message asks for. One that was not signed here is quarantined. */
export async function callbackOf(
  runtime: Pick<Runtime, 'documents' | 'signing' | 'clock' | 'settings' | 'log'>,
  message: PushMessage,
): Promise<CallbackMessage | undefined> {
  const parsed = parsedData(message.data);
  if (parsed !== undefined && runtime.signing.messageValid(message.data, message.attributes[SIGNATURE])) {
    return parsed.value as CallbackMessage;
  }
  await quarantine(runtime, message, { code: 'invalid_callback', reason: 'The message is not a signed callback.' });
  return undefined;
}
