/** Claiming: the one write after which an attempt may run. Its precondition is the version, so of any number of claimants one wins. */

import type { Closers } from './close.ts';
import { closing } from './closing.ts';
import { followUp } from './follow-ups.ts';
import { SERVER_TIME } from './ports.ts';
import type { Runtime } from './runtime.ts';
import { type Change, type Decision, decideAndWrite } from './store.ts';
import { committedMicros, type Known, type TaskCore } from './task.ts';

export interface ClaimRequest {
  /** Random per claimant: a refused write that finds its own was its own first try, whose reply was lost. */
  readonly requestId: string;
  /** The most that the run will cost. */
  readonly quoteMicros: number;
  /** The agent's own time limit for one run. */
  readonly timeLimitMs: number;
  /** Until then nothing is to run: the agent's circuit is open (milliseconds since the epoch). */
  readonly heldUntil?: number;
}

/**
 * `claimed`: run it, as the epoch in `known`. `acknowledge`: nothing to run now, the message has done its work. `later`: not
 * yet, the message should come again. `ended`: the claim itself ended the task (expired, over budget). `absent`: no such task.
 */
export type Claim =
  | { readonly kind: 'claimed' | 'acknowledge' | 'later' | 'ended'; readonly known: Known }
  | { readonly kind: 'absent' };

/** Claims a task. With `known`, from a signed message, the happy path is one write and no read. */
export async function claim(runtime: Closers, id: string, request: ClaimRequest, known?: Known): Promise<Claim> {
  const claimed = await decideAndWrite<Claim>(runtime, id, known, (current) => decideClaim(runtime, current, request), {
    kind: 'absent',
  });
  if (claimed.kind === 'ended') await followUp(runtime, claimed.known);
  return claimed;
}

/** What a claim does to a task as known; pure, so that an adopted task can be created already claimed. */
export function decideClaim(runtime: Closers, known: Known, request: ClaimRequest): Decision<Claim> {
  const { task } = known;
  const now = runtime.clock.now();
  if (task.status === 'running' && task.claimId === request.requestId) return { answer: { kind: 'claimed', known } };
  if (task.status !== 'queued') return { answer: { kind: 'acknowledge', known } };
  const ended = (ending: Known): Claim => ({ kind: 'ended', known: ending });
  // The clock counts whole milliseconds: less than one that is left is no time to run in.
  if (now + 1 > task.ttl * 1000) {
    const error = { code: 'ttl_expired', message: 'The time limit of the task passed before it could run.' };
    return { change: closing(runtime, known, { status: 'expired', error }, undefined), gives: ended };
  }
  if (request.heldUntil !== undefined) return held(known, request.heldUntil);
  if (task.retryAt !== undefined && now < task.retryAt) return { answer: { kind: 'later', known } };
  if (committedMicros(task) + request.quoteMicros > task.budgetMicros) {
    const error = {
      code: 'budget_exceeded',
      message: 'What is left of the budget does not cover the price of a run; it was not run.',
    };
    return { change: closing(runtime, known, { status: 'failed', error }, undefined), gives: ended };
  }
  const epoch = task.epoch + 1;
  const limitMs = Math.min(request.timeLimitMs, task.ttl * 1000 - now);
  const leaseMs = Math.min(limitMs + runtime.settings.times.leaseMarginMs, runtime.settings.times.leaseMaximumMs);
  return {
    change: {
      set: {
        status: 'running',
        attempts: task.attempts + 1,
        epoch,
        claimId: request.requestId,
        charges: [...task.charges, { epoch, quoteMicros: request.quoteMicros }],
        ...leased(runtime, task, leaseMs),
      },
      remove: ['retryAt', 'wakeDelayMs', 'deadLetters', 'waitingFor'],
      event: { event: 'running', epoch, attempt: task.attempts + 1 },
    },
    gives: (claimed) => ({ kind: 'claimed', known: claimed }),
  };
}

/** No attempt: the message has done its work, and the sweeper publishes the task when the time has come. */
function held(known: Known, until: number): Decision<Claim> {
  const { task } = known;
  if ((task.retryAt ?? 0) >= until && task.waitingFor !== undefined) return { answer: { kind: 'acknowledge', known } };
  const waitingFor = [`circuit:${task.agent}`];
  return {
    change: {
      set: { retryAt: until, wakeAt: Math.min(until, task.ttl * 1000), waitingFor },
      remove: ['wakeDelayMs', 'deadLetters'],
      ...(task.waitingFor === undefined ? { event: { event: 'held', code: 'circuit_open', for: waitingFor } } : {}),
    },
    gives: (waiting) => ({ kind: 'acknowledge', known: waiting }),
  };
}

/** A lease from now on, and when the sweeper should look at it. */
export function leased(runtime: Pick<Runtime, 'clock' | 'settings'>, task: TaskCore, leaseMs: number): Change['set'] {
  const grace = runtime.settings.times.resultGraceMs;
  return { leasedAt: SERVER_TIME, leaseMs, wakeAt: Math.min(runtime.clock.now() + leaseMs, task.ttl * 1000) + grace };
}
