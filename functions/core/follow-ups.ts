/** What must follow the end of a task. Each step is idempotent; the sweeper repeats what a crash left undone. */

import { settleBudgets } from './budgets/settle-budgets.ts';
import { PreconditionFailed } from './ports.ts';
import { type PushMessage, parsedData } from './push-gate.ts';
import { quarantine } from './quarantine.ts';
import { type CallbackMessage, publishSigned, SIGNATURE } from './run-message.ts';
import type { Runtime } from './runtime.ts';
import { readTask, writeChange } from './store.ts';
import type { FollowUp, Known } from './task.ts';
import { hopOf } from './trace.ts';
import { tellDependents } from './waiting/dependents.ts';
import { releaseTaken } from './waiting/slots.ts';

/** Who asks: what a hot budget gets back is left to the sweeper, which settles many tasks in one commit. */
type By = 'writer' | 'sweeper';

type Followers = Pick<Runtime, 'documents' | 'control' | 'signing' | 'clock' | 'ids' | 'settings' | 'messages' | 'agents' | 'log'>;

/** As many are followed up at a time. */
const AT_ONCE = 20;

/**
 * Does what is pending, then clears it, and the same for those that end with it, for a while: what is left then is found by the
 * sweeper. One after the other and not one within the other, since a chain of them may be long.
 */
export async function followUp(runtime: Followers, known: Known, by: By = 'writer'): Promise<void> {
  const until = runtime.clock.now() + runtime.settings.times.followUpMs;
  const open = [known];
  do {
    const further = await Promise.all(open.splice(0, AT_ONCE).map((one) => followOne(runtime, one, by, until)));
    open.push(...further.flat());
  } while (open.length > 0 && runtime.clock.now() < until);
}

/** Returns who has something pending by it. A version that has moved on is left to whoever moved it. */
async function followOne(runtime: Followers, known: Known, by: By, until: number): Promise<readonly Known[]> {
  const { task } = known;
  const pending = task.pending ?? [];
  const further: Known[] = [];
  const left: FollowUp[] = by === 'writer' && task.holds?.some(({ leased }) => leased) ? ['budget'] : [];
  if (pending.includes('callback')) {
    await publishSigned(
      runtime,
      'callbacks',
      { taskId: known.id, redrives: task.redrives },
      { traceId: task.traceId.slice(0, 200), ...hopOf(runtime.ids, task) },
    );
  }
  if (pending.includes('dependents')) {
    const { cancelled, isAll } = await tellDependents(runtime, known, until);
    further.push(...cancelled);
    if (!isAll) left.push('dependents');
  }
  if (pending.includes('release')) await releaseTaken(runtime, known, until);
  const done = pending.filter((one) => !left.includes(one));
  if (done.length === 0) return further;
  try {
    if (done.includes('budget')) further.push(...(await settleFamily(runtime, known, done)));
    else if (done.length === pending.length) await writeChange(runtime, known, { set: {}, remove: ['pending', 'wakeAt'] });
    else await writeChange(runtime, known, { set: { pending: pending.filter((one) => !done.includes(one)) } });
  } catch (error) {
    if (!(error instanceof PreconditionFailed)) throw error;
  }
  return further;
}

/** The last of a family to be settled lets its parent be settled too. */
async function settleFamily(runtime: Followers, known: Known, done: readonly FollowUp[]): Promise<readonly Known[]> {
  const parentId = await settleBudgets(runtime, known, done);
  const parent = parentId === undefined ? undefined : await readTask(runtime, parentId);
  return parent === undefined ? [] : [parent];
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
