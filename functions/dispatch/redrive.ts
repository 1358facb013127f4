/** `POST /task/{id}/redrive`: gives a dead task a new life, with a new time limit and a fresh budget. */

import * as z from 'zod';
import type { Caller } from '../core/authenticate.ts';
import { isOld } from '../core/budgets/cost-days.ts';
import { commitHolding } from '../core/budgets/holds.ts';
import { Problem } from '../core/errors.ts';
import { followUp } from '../core/follow-ups.ts';
import { checked } from '../core/http.ts';
import { refuseUncleared } from '../core/intents/clearance.ts';
import { intentOf } from '../core/intents/intents.ts';
import { PreconditionFailed } from '../core/ports.ts';
import { agentOf } from '../core/registry/registry.ts';
import { publishOrLeave, runMessage } from '../core/run-message.ts';
import type { Runtime } from '../core/runtime.ts';
import { type Change, changeWrites } from '../core/store.ts';
import type { JsonObject, Known, Task, TaskCore } from '../core/task.ts';
import { taskView } from '../core/task-view.ts';
import { APPROVAL, gatesOf } from '../core/waiting/gate-names.ts';
import { joinLine } from '../core/waiting/line.ts';
import { goOn } from '../core/waiting/start-task.ts';
import { ownTask } from './task-view.ts';

const MAX_TRIES = 20;

/** The body of a redrive. */
export const redriveBody = z.strictObject({ ttlSeconds: z.number().positive().max(604_800).default(900) });

/**
 * The view of the queued task. Throws `Problem` 404, 409 `task_not_dead`, `children_open`, 403 `not_cleared`, `parent_ended`, 402 `budget_exceeded`.
 * Epochs go on, so older attempts stay fenced off.
 */
export async function redrive(runtime: Runtime, caller: Caller, name: string, given: unknown): Promise<JsonObject> {
  const { ttlSeconds } = checked(redriveBody, given);
  const requestId = runtime.ids.random(12);
  for (let tries = 0; tries < MAX_TRIES; tries++) {
    try {
      const owned = await ownTask(runtime, caller, name);
      // The reply to the try before was lost.
      const isDone = owned.task.requestId === requestId;
      await refuseWhatIsNotCleared(runtime, caller, owned);
      const found = isDone ? owned : await settledTask(runtime, caller, owned);
      const known = isDone ? owned : await revive(runtime, caller, found, { ttlSeconds, requestId });
      const begun =
        known.task.status === 'waiting' ? await goOn(runtime, await ownTask(runtime, caller, owned.id), caller.name) : known;
      if (begun?.task.status === 'queued') await publishOrLeave(runtime, runMessage(begun, found.task));
      return taskView(owned.id, (await ownTask(runtime, caller, owned.id)).task);
    } catch (error) {
      if (!(error instanceof PreconditionFailed)) throw error;
    }
  }
  throw new Problem(503, 'contention', `Task ${name.slice(0, 100)} changed too often while it was being redriven; try again.`, {
    retryAfterSeconds: 1,
  });
}

/** Whoever has something dangerous done once more needs what its caller needed. */
async function refuseWhatIsNotCleared(runtime: Runtime, caller: Caller, { task: { job } }: Known<Task>): Promise<void> {
  const intent = job?.cleared === undefined ? undefined : await intentOf(runtime, caller.tenant, job.intent, job.mode);
  if (intent !== undefined) refuseUncleared(runtime, caller.scopes, intent);
}

/** The dead task with nothing held by the life before, and its callback asked for. */
async function settledTask(runtime: Runtime, caller: Caller, owned: Known<Task>): Promise<Known<Task>> {
  const { id } = owned;
  const found = deadOnly(owned);
  if (isSettled(found.task)) return found;
  await followUp(runtime, found, 'sweeper');
  const again = deadOnly(await ownTask(runtime, caller, id));
  if (isSettled(again.task)) return again;
  if ((again.task.children?.open ?? 0) === 0) throw new PreconditionFailed(`${id} has moved on`);
  throw new Problem(409, 'children_open', `Task ${id} has children that have not ended; redrive it when they have.`);
}

const isSettled = ({ holds, pending, children }: TaskCore): boolean =>
  (pending ?? []).length === 0 && (children?.open ?? 0) === 0 && (holds ?? []).every(({ booked }) => booked !== undefined);

function deadOnly(found: Known<Task>): Known<Task> {
  if (found.task.status === 'dead') return found;
  throw new Problem(409, 'task_not_dead', `Task ${found.id} is not dead; only dead tasks can be redriven.`);
}

/** Throws `PreconditionFailed` when the task has changed meanwhile. */
async function revive(
  runtime: Runtime,
  caller: Caller,
  known: Known<Task>,
  { ttlSeconds, requestId }: { readonly ttlSeconds: number; readonly requestId: string },
): Promise<Known> {
  const { task } = known;
  const now = runtime.clock.now();
  const begins = { ...task, redrives: task.redrives + 1, ttl: now / 1000 + ttlSeconds };
  const agent = await agentOf(runtime, task.tenant, task.agent);
  const gates = agent === undefined ? [] : await gatesOf(runtime, agent, task);
  const change: Change = {
    set: {
      status: gates.length > 0 ? 'waiting' : 'queued',
      ...(gates.length > 0 ? { waitingFor: gates } : {}),
      requestId,
      ttl: begins.ttl,
      attempts: 0,
      // One of its own, so that a late failure of the life before is an older attempt's, and dropped.
      epoch: task.epoch + 1,
      budgetFromEpoch: task.epoch,
      redrives: begins.redrives,
      wakeAt: now + Math.min(runtime.settings.times.republishMs, ttlSeconds * 1000),
    },
    remove: [
      ...(['error', 'lastError', 'finishedAt', 'closedEpoch', 'expireAt', 'pending', 'callback'] as const),
      ...(['deadLetters', 'retryAt', 'wakeDelayMs', 'children', 'hasDependents'] as const),
      ...(['took', 'lockedAt', 'backupId'] as const),
    ],
    event: { event: 'redriven', ...(gates.length > 0 ? { for: gates } : {}), by: caller.name },
    also: gates.includes(APPROVAL) ? [joinLine({ ...known, task: begins }, APPROVAL)] : [],
  };
  let after: Awaited<ReturnType<typeof changeWrites>>['after'] | undefined;
  const written = await commitHolding(runtime, { ...task, late: isOld(task, now), dependencies: undefined }, async (holds) => {
    const held: Change = holds
      ? { ...change, set: { ...change.set, holds } }
      : { ...change, remove: [...(change.remove ?? []), 'holds'] };
    const prepared = await changeWrites(runtime, known, held);
    after = prepared.after;
    return prepared.writes;
  });
  if (after === undefined) throw new Problem(500, 'internal', 'A redrive wrote nothing.');
  return after(written);
}
