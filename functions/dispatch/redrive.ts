/** `POST /task/{id}/redrive`: gives a dead task a new life, with a new time limit and a fresh budget. */

import { z } from 'zod';
import type { Caller } from '../core/authenticate.ts';
import { Problem } from '../core/errors.ts';
import { checked } from '../core/http.ts';
import { publishOrLeave, runMessage } from '../core/run-message.ts';
import type { Runtime } from '../core/runtime.ts';
import { decideAndWrite } from '../core/store.ts';
import { type JsonObject, type Known, taskView } from '../core/task.ts';
import { notFound, ownTask } from './task-view.ts';

export const redriveBody = z.strictObject({ ttlSeconds: z.number().positive().max(604_800).default(900) });

/** The view of the queued task. Throws `Problem` 404, 409 `task_not_dead`. Epochs go on, so older attempts stay fenced off. */
export async function redrive(runtime: Runtime, caller: Caller, id: string, given: unknown): Promise<JsonObject> {
  const { ttlSeconds } = checked(redriveBody, given);
  const owned = await ownTask(runtime, caller, id);
  const known = await decideAndWrite<Known | 'not_dead' | undefined>(
    runtime,
    id,
    owned,
    ({ task }) => {
      if (task.status !== 'dead') return { answer: 'not_dead' };
      const now = runtime.clock.now();
      return {
        change: {
          set: {
            status: 'queued',
            ttl: now / 1000 + ttlSeconds,
            attempts: 0,
            // One of its own, so that a late failure of the life before is an older attempt's, and dropped.
            epoch: task.epoch + 1,
            budgetFromEpoch: task.epoch,
            redrives: task.redrives + 1,
            wakeAt: now + Math.min(runtime.settings.times.republishMs, ttlSeconds * 1000),
          },
          remove: [
            'error',
            'lastError',
            'finishedAt',
            'closedEpoch',
            'expireAt',
            'pending',
            'callback',
            'deadLetterRounds',
            'retryAt',
            'wakeDelayMs',
          ],
          event: { event: 'redriven', by: caller.name },
        },
        gives: (written) => written,
      };
    },
    undefined,
  );
  if (known === undefined) throw notFound(id);
  if (known === 'not_dead') throw new Problem(409, 'task_not_dead', `Task ${id} is not dead; only dead tasks can be redriven.`);
  await publishOrLeave(runtime, runMessage(known, owned.task));
  return taskView(id, (await ownTask(runtime, caller, id)).task);
}
