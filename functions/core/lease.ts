/** What a running attempt may do with its lease: renew it, park it until the ttl, note progress, give it back for a retry. */

import { overrun, settled } from './budgets/charges.ts';
import { leased } from './claim.ts';
import { type Closed, type Closers, close, settleLate } from './close.ts';
import { abortOf } from './registry/switches.ts';
import type { Runtime } from './runtime.ts';
import { type Change, type Decision, decideAndWrite, readTask } from './store.ts';
import type { Known, TaskError } from './task.ts';

/** `held`, with what is now known (look at `cancelRequested`), or `lost`: another epoch runs, or the task has ended. */
export type Renewal = { readonly kind: 'held'; readonly known: Known } | { readonly kind: 'lost' };

const LOST: Renewal = { kind: 'lost' };

/** Renews the lease of an epoch. Leaves no timeline entry. */
export async function renew(runtime: Closers, id: string, epoch: number, known?: Known): Promise<Renewal> {
  return whileHeld(runtime, id, epoch, known, ({ task }) => ({
    set: leased(runtime, task, task.leaseMs ?? runtime.settings.times.leaseMaximumMs),
  }));
}

/** Parks the attempt: its agent has accepted the work and will report later. Leased until the ttl, never taken back before. */
export async function park(runtime: Closers, id: string, epoch: number, known?: Known): Promise<Renewal> {
  return whileHeld(runtime, id, epoch, known, ({ task }) => ({
    set: { ...leased(runtime, task, Math.max(1, task.ttl * 1000 - runtime.clock.now())), parked: true },
    event: { event: 'parked', epoch },
  }));
}

/** Appends a progress note (at most 1 KiB of JSON text) to the timeline. */
export async function note(runtime: Closers, id: string, epoch: number, text: string, known?: Known): Promise<Renewal> {
  return whileHeld(runtime, id, epoch, known, () => ({ set: {}, event: { event: 'progress', epoch, note: cut(text) } }));
}

/** Measured as it is stored: two hundred notes, a payload and a result have to fit into one document, and the task to end. */
function cut(text: string): string {
  let kept = text.slice(0, MAX_NOTE_BYTES);
  while (Buffer.byteLength(JSON.stringify(kept)) > MAX_NOTE_BYTES) kept = kept.slice(0, -16);
  return kept;
}

const MAX_NOTE_BYTES = 1024;

function whileHeld(
  runtime: Closers,
  id: string,
  epoch: number,
  known: Known | undefined,
  change: (known: Known) => Change,
): Promise<Renewal> {
  const decide = (current: Known): Decision<Renewal> => {
    if (current.task.status !== 'running' || current.task.epoch !== epoch) return { answer: LOST };
    return { change: change(current), gives: (written) => ({ kind: 'held', known: written }) };
  };
  return decideAndWrite(runtime, id, known, decide, LOST);
}

/** A failed attempt that asks for another, or one that was lost. */
export interface Retry {
  readonly error: TaskError;
  readonly costMicros?: number;
  readonly retryAfterMs?: number;
  readonly by?: string;
}

/**
 * Puts a running task back to `queued` after a retryable failure of `epoch`, or ends it: `cancelled` when that was asked for,
 * `dead` after the last attempt. `stale` when the epoch no longer runs.
 */
export async function retry(
  runtime: Closers,
  id: string,
  epoch: number,
  failure: Retry,
  known?: Known,
): Promise<{ readonly kind: 'queued'; readonly known: Known } | { readonly kind: 'stale' } | Closed> {
  type Answer =
    | { readonly kind: 'queued'; readonly known: Known }
    | { readonly kind: 'stale' }
    | { readonly kind: 'end'; readonly known: Known };
  const isStopped = failure.error.code === 'stopped' && (await wasStopped(runtime, known ?? (await readTask(runtime, id))));
  const decide = (current: Known): Decision<Answer> => {
    const { task } = current;
    if (task.status !== 'running' || task.epoch !== epoch) return { answer: { kind: 'stale' } };
    if (task.cancelRequested || (task.attempts >= task.maxAttempts && !isStopped))
      return { answer: { kind: 'end', known: current } };
    const now = runtime.clock.now();
    const pauseMs = failure.retryAfterMs ?? backoffMs(runtime, task.attempts);
    return {
      change: {
        set: {
          status: 'queued',
          // What was stopped in an emergency is no attempt that failed.
          ...(isStopped ? { attempts: task.attempts - 1 } : {}),
          lastError: failure.error,
          // Without a pause there is nothing to wait for, also where the claimant's clock is behind this one.
          ...(pauseMs > 0 ? { retryAt: now + pauseMs } : {}),
          wakeAt: Math.min(now + pauseMs + runtime.settings.times.republishMs, Math.max(now, task.ttl * 1000)),
          charges: task.charges.map((charge) => (charge.epoch === epoch ? settled(charge, failure.costMicros) : charge)),
        },
        remove: ['leasedAt', 'leaseMs', 'parked', 'handOver'],
        event: {
          event: 'retry',
          epoch,
          code: failure.error.code,
          ...overrun(runtime, task, epoch, failure.costMicros),
          ...(failure.by ? { by: failure.by } : {}),
        },
      },
      gives: (queued) => ({ kind: 'queued', known: queued }),
    };
  };
  const answer = await decideAndWrite<Answer>(runtime, id, known, decide, { kind: 'stale' });
  if (answer.kind !== 'end') {
    if (answer.kind === 'stale' && failure.costMicros !== undefined) return settleLate(runtime, id, failure.costMicros, epoch);
    return answer;
  }
  const { task } = answer.known;
  const error = task.cancelRequested
    ? { code: 'cancelled', message: 'Cancelled while it was running.' }
    : {
        code: 'attempts_exhausted',
        // No longer than an agent's own may be.
        message: `All ${task.attempts} attempts failed; the last one with ${failure.error.code}: ${failure.error.message}`.slice(
          0,
          10_000,
        ),
      };
  const status = task.cancelRequested ? 'cancelled' : 'dead';
  return close(runtime, id, { status, error, costMicros: failure.costMicros, by: failure.by }, epoch, answer.known);
}

/** Whether an attempt was really stopped: whoever only says so has failed. */
const wasStopped = async (runtime: Closers, known: Known | undefined): Promise<boolean> =>
  known !== undefined && (await abortOf(runtime, known.task.tenant, known.task.agent))?.code === 'stopped';

/**
 * The pause after attempt n: doubles from the minimum to the maximum. Chance takes up to half of it, so that those who failed at the
 * same moment do not come back at one.
 */
function backoffMs({ settings, ids }: Pick<Runtime, 'settings' | 'ids'>, attempts: number): number {
  const pauseMs = Math.min(settings.times.retryMaximumMs, settings.times.retryMinimumMs * 2 ** Math.max(0, attempts - 1));
  return pauseMs - ids.below(Math.floor(pauseMs / 2) + 1);
}
