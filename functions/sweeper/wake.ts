/** What a task that was found by its `wakeAt` needs. */

import { close } from '../core/close.ts';
import { followUp } from '../core/follow-ups.ts';
import { retry } from '../core/lease.ts';
import { PreconditionFailed } from '../core/ports.ts';
import { agentOf } from '../core/registry/registry.ts';
import { publishRun, runMessage } from '../core/run-message.ts';
import type { Runtime } from '../core/runtime.ts';
import { type Change, writeChange } from '../core/store.ts';
import { isEnded, type Known, type Task } from '../core/task.ts';
import { isHandedOver, takeBack } from '../core/waiting/hand-over.ts';
import { proceed } from '../core/waiting/waiting.ts';

/** Does it, and says what it was. `at` is the store's time, by which leases are judged: no clock's skew matters. */
export async function wake(runtime: Runtime, known: Known<Task>, at: number): Promise<string> {
  const { task } = known;
  try {
    if (isEnded(task.status)) return await finish(runtime, known);
    if (task.status === 'running') return await wakeRunning(runtime, known, at);
    if (at >= task.ttl * 1000) return await expire(runtime, known, 'The time limit of the task passed before it could run.');
    return task.status === 'waiting' ? await wakeWaiting(runtime, known) : await republish(runtime, known);
  } catch (error) {
    if (error instanceof PreconditionFailed) return 'moved';
    throw error;
  }
}

async function finish(runtime: Runtime, known: Known<Task>): Promise<string> {
  if (known.task.pending?.length) await followUp(runtime, known, 'sweeper');
  else await writeChange(runtime, known, { set: {}, remove: ['wakeAt'] });
  return 'followed_up';
}

async function expire(runtime: Runtime, known: Known<Task>, message: string): Promise<string> {
  const last = known.task.lastError;
  const error = {
    code: 'ttl_expired',
    message: last === undefined ? message : `${message} The last attempt failed with ${last.code}: ${last.message}`,
  };
  const epoch = known.task.status === 'running' ? undefined : known.task.epoch;
  const closed = await close(runtime, known.id, { status: 'expired', error, by: 'sweeper' }, epoch, known);
  return closed.kind === 'closed' ? 'expired' : 'moved';
}

async function endCancelled(runtime: Runtime, known: Known<Task>): Promise<string> {
  const error = { code: 'cancelled', message: 'Cancelled while it was running; its agent has not answered.' };
  const closed = await close(runtime, known.id, { status: 'cancelled', error, by: 'sweeper' }, undefined, known);
  return closed.kind === 'closed' ? 'cancelled' : 'moved';
}

async function wakeWaiting(runtime: Runtime, known: Known<Task>): Promise<string> {
  const next = await proceed(runtime, known, 'sweeper');
  if (next.kind === 'cancelled') await followUp(runtime, next.known, 'sweeper');
  return next.kind;
}

/** The version is moved first, so that of two sweeps one publishes; the wait doubles per task up to its maximum. */
async function republish(runtime: Runtime, known: Known<Task>): Promise<string> {
  const { task } = known;
  const { republishMs, republishMaximumMs } = runtime.settings.times;
  const wakeDelayMs = Math.min(republishMaximumMs, (task.wakeDelayMs ?? republishMs) * 2);
  await rewritten(runtime, known, { set: { wakeDelayMs, wakeAt: Math.min(runtime.clock.now() + wakeDelayMs, task.ttl * 1000) } });
  return 'republished';
}

/** An agent that claims by now, or is no more, has to get its task as any other does. */
async function handAgain(runtime: Runtime, known: Known<Task>): Promise<string> {
  const { tenant, agent: name, epoch } = known.task;
  const agent = await agentOf(runtime, tenant, name);
  if (agent !== undefined && isHandedOver(agent)) return republish(runtime, known);
  const queued = await takeBack(runtime, known, epoch, 'sweeper');
  if (queued !== undefined) await publishRun(runtime, runMessage(queued, known.task));
  return 'taken_back';
}

async function rewritten(runtime: Runtime, known: Known<Task>, change: Change): Promise<void> {
  const written = await writeChange(runtime, known, change);
  await publishRun(runtime, runMessage(written, known.task));
}

async function wakeRunning(runtime: Runtime, known: Known<Task>, at: number): Promise<string> {
  const { task } = known;
  const { resultGraceMs } = runtime.settings.times;
  const ttlMs = task.ttl * 1000;
  if (at >= ttlMs + resultGraceMs && task.cancelRequested) return endCancelled(runtime, known);
  if (at >= ttlMs + resultGraceMs) return expire(runtime, known, 'The time limit of the task passed and no outcome had come.');
  if (task.handOver === 'sending') return handAgain(runtime, known);
  const leaseEnds = task.parked ? ttlMs : Math.min((task.leasedAt ?? 0) + (task.leaseMs ?? 0), ttlMs);
  if (at < leaseEnds + resultGraceMs) {
    await writeChange(runtime, known, { set: { wakeAt: leaseEnds + resultGraceMs } });
    return 'leased';
  }
  const error = { code: 'lease_lost', message: 'The agent stopped renewing its lease and no outcome had come.' };
  const answer = await retry(runtime, known.id, task.epoch, { error, retryAfterMs: 0, by: 'sweeper' }, known);
  if (answer.kind === 'queued') await publishRun(runtime, runMessage(answer.known, task));
  return answer.kind === 'stale' ? 'moved' : 'taken_back';
}
