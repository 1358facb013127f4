/** A claimed task as an agent sees it. */

import { centsFromMicros } from '../budgets/money.ts';
import { callbackId } from '../follow-ups.ts';
import type { Signing } from '../signing.ts';
import type { JsonObject, Known } from '../task.ts';
import type { Attempt } from './protocol.ts';

/** What its agent is told to do. */
export interface Given {
  readonly payload: JsonObject;
  readonly work?: JsonObject | undefined;
}

/** The attempt that a claim has just made. */
export function attemptOf(signing: Signing, known: Known, { payload, work }: Given, quoteMicros: number): Attempt {
  const { task } = known;
  return {
    taskId: known.id,
    agent: task.agent,
    tenant: task.tenant,
    payload,
    ...(work === undefined ? {} : { work }),
    ...(task.job === undefined ? {} : { job: task.job }),
    ttl: task.ttl,
    budgetCents: centsFromMicros(task.budgetMicros),
    ...(task.idempotencyKey === undefined ? {} : { idempotencyKey: task.idempotencyKey }),
    traceId: task.traceId,
    epoch: task.epoch,
    attempt: task.attempts,
    effectId: callbackId(known.id, task.redrives),
    outcomeToken: signing.outcomeToken(known.id, task.agent, task.epoch),
    quoteMicros,
    leaseMs: task.leaseMs ?? 0,
    known,
  };
}
