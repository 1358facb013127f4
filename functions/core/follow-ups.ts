/** What must follow the end of a task. Each step is idempotent; the sweeper repeats what a crash left undone. */

import { PreconditionFailed } from './ports.ts';
import { type PushMessage, parsedData } from './push-gate.ts';
import { quarantine } from './quarantine.ts';
import { type CallbackMessage, publishSigned, SIGNATURE } from './run-message.ts';
import type { Runtime } from './runtime.ts';
import { settleBudgets } from './settle-budgets.ts';
import { readTask, writeChange } from './store.ts';
import type { FollowUp, Known } from './task.ts';

/** Who asks: what a hot budget gets back is left to the sweeper, which settles many tasks in one commit. */
type By = 'writer' | 'sweeper';

type Followers = Pick<Runtime, 'documents' | 'signing' | 'clock' | 'ids' | 'settings' | 'messages'>;

/** Does what is pending, then clears it. A version that has moved on is left to whoever moved it. */
export async function followUp(runtime: Followers, known: Known, by: By = 'writer'): Promise<void> {
  const { task } = known;
  const pending = task.pending ?? [];
  const isLeft = by === 'writer' && task.holds?.some(({ leased }) => leased);
  const done = pending.filter((one) => one !== 'budget' || !isLeft);
  if (done.length === 0) return;
  if (done.includes('callback')) {
    await publishSigned(
      runtime,
      'callbacks',
      { taskId: known.id, redrives: task.redrives },
      { traceId: task.traceId.slice(0, 200) },
    );
  }
  try {
    if (done.includes('budget')) await settleFamily(runtime, known, done, by);
    else if (done.length === pending.length) await writeChange(runtime, known, { set: {}, remove: ['pending', 'wakeAt'] });
    else await writeChange(runtime, known, { set: { pending: pending.filter((one) => !done.includes(one)) } });
  } catch (error) {
    if (!(error instanceof PreconditionFailed)) throw error;
  }
}

/** The last of a family to be settled lets its parent be settled too. */
async function settleFamily(runtime: Followers, known: Known, done: readonly FollowUp[], by: By): Promise<void> {
  const parentId = await settleBudgets(runtime, known, done);
  const parent = parentId === undefined ? undefined : await readTask(runtime, parentId);
  if (parent !== undefined) await followUp(runtime, parent, by);
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
