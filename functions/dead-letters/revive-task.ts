/** A dead-lettered task message is a signal, not an end: the task is queued again, until three rounds have passed without a claim. */

import { admitMessage } from '../core/adopt.ts';
import { closeQueued } from '../core/close.ts';
import { keyedId } from '../core/create.ts';
import { Problem } from '../core/errors.ts';
import { type Incoming, jsonOf, type PushMessage } from '../core/push-gate.ts';
import { quarantine } from '../core/quarantine.ts';
import { publishOrLeave, runMessage } from '../core/run-message.ts';
import type { Runtime } from '../core/runtime.ts';
import { type Decision, decideAndWrite, readTask } from '../core/store.ts';
import type { Known, Task } from '../core/task.ts';
import { takeBack } from '../core/waiting/hand-over.ts';
import { startTask } from '../core/waiting/start-task.ts';

const MAX_ROUNDS = 3;

/** Queues the task of a dead-lettered message again; a message without a task becomes one; what can be neither is quarantined. */
export async function reviveTask(runtime: Runtime, incoming: Incoming): Promise<void> {
  const { message } = incoming;
  const refuse = (code: string, reason: string) => quarantine(runtime, message, { code, reason });
  const parsed = jsonOf(incoming);
  if ('reason' in parsed) return quarantine(runtime, message, parsed);
  const value = parsed.value as { taskId?: unknown; epoch?: unknown; outcomeToken?: unknown } | null;
  if (typeof value !== 'object' || value === null || !Object.hasOwn(value, 'taskId'))
    return adopted(runtime, message, parsed.value, refuse);
  const known = typeof value.taskId === 'string' ? await readTask(runtime, value.taskId) : undefined;
  if (known === undefined) return refuse('unknown_task', 'There is no such task.');
  if (await wasHandedOver(runtime, known, value)) return;
  await revive(runtime, known, message.messageId);
}

/** An agent that does not claim took its task from no delivery: it is given back. The proof of the attempt is in the message. */
async function wasHandedOver(
  runtime: Runtime,
  known: Known<Task>,
  { epoch, outcomeToken }: { epoch?: unknown; outcomeToken?: unknown },
): Promise<boolean> {
  if (typeof epoch !== 'number' || typeof outcomeToken !== 'string') return false;
  if (!runtime.signing.outcomeTokenValid(outcomeToken, known.id, epoch)) return false;
  await takeBack(runtime, known, epoch, 'dead-letters');
  return true;
}

async function revive(runtime: Runtime, known: Known, messageId: string): Promise<void> {
  const decide = ({ task }: Known): Decision<'leave' | 'bury'> => {
    if (task.status !== 'queued') return { answer: 'leave' };
    // Refused because its pause is not over: that is no round without an agent, and the sweeper publishes it when it is.
    if (task.retryAt !== undefined && runtime.clock.now() < task.retryAt) return { answer: 'leave' };
    const counted = task.deadLetters ?? [];
    if (counted.includes(messageId)) return { answer: 'leave' };
    const rounds = counted.length + 1;
    if (rounds >= MAX_ROUNDS) return { answer: 'bury' };
    const { republishMs, republishMaximumMs } = runtime.settings.times;
    const delayMs = Math.min(republishMaximumMs, republishMs * 2 ** (rounds - 1));
    // The sweeper publishes it at `wakeAt`: that is the backoff.
    const wakeAt = Math.min(runtime.clock.now() + delayMs, Math.max(runtime.clock.now(), task.ttl * 1000));
    return {
      change: { set: { deadLetters: [...counted, messageId], wakeAt }, event: { event: 'dead_lettered', round: rounds } },
      gives: () => 'leave',
    };
  };
  const decision = await decideAndWrite(runtime, known.id, known, decide, 'leave');
  if (decision === 'leave') return;
  const error = { code: 'undeliverable', message: `No agent claimed the task in ${MAX_ROUNDS} rounds of deliveries.` };
  await closeQueued(runtime, { status: 'dead', error }, known);
}

async function adopted(
  runtime: Runtime,
  message: PushMessage,
  value: unknown,
  refuse: (code: string, reason: string) => Promise<void>,
): Promise<void> {
  try {
    const { agent, packet } = await admitMessage(runtime, message, value);
    // The dead letter's own id: no attribute carries the id that the message had before.
    const fallbackId = keyedId('default', 'message', message.messageId);
    const created = await startTask(runtime, { tenant: 'default', agent, packet, fallbackId, by: 'publisher' });
    if (created.kind === 'created' && created.task.status === 'queued')
      await publishOrLeave(runtime, runMessage(created.known, created.task));
  } catch (error) {
    if (!(error instanceof Problem) || error.status >= 500) throw error;
    await refuse(error.code, error.message);
  }
}
