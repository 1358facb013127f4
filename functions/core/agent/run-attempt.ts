/** One run of a handler: under its deadline, with the lease renewed, to exactly one outcome. */

import { microsFromCents } from '../budgets/money.ts';
import { Problem, RetryableError, TerminalError } from '../errors.ts';
import { resultFlaw } from '../json-value.ts';
import { measured } from '../measures.ts';
import type { Outcome } from '../run-message.ts';
import type { Runtime } from '../runtime.ts';
import { ACCEPTED, type DefinedAgent } from './define-agent.ts';
import type { Attempt, TaskProtocol } from './protocol.ts';

/** An outcome; `parked` when the work goes on elsewhere, `lost` when another attempt has taken over: then there is nothing to report. */
export type Ran = { readonly kind: 'outcome'; readonly outcome: Outcome } | { readonly kind: 'parked' | 'lost' };

type Runners = Pick<Runtime, 'clock' | 'log' | 'settings'>;

/**
 * Runs the handler until it returns, throws, or its time is up; not at all when that is up already. A handler that does not heed
 * the signal is left behind: its late result is not waited for, and nothing of it is recorded.
 */
export async function runAttempt(
  runtime: Runners,
  agent: DefinedAgent,
  protocol: TaskProtocol,
  attempt: Attempt,
  timeLimitMs: number,
): Promise<Ran> {
  const { clock } = runtime;
  const ttlMs = attempt.ttl * 1000;
  const deadline = Math.min(ttlMs, clock.now() + timeLimitMs);
  const abort = new AbortController();
  let costMicros: number | undefined;
  // The claim was decided in time, and written or answered too late.
  if (clock.now() > ttlMs) return ended({ ...STOPPED.expired, costMicros: 0 });
  const stopped = new Promise<Ran>((resolve) => {
    abort.signal.addEventListener('abort', () => resolve(stoppedAs(abort.signal.reason)), { once: true });
  });
  const cancelDeadline = clock.after(Math.max(0, deadline - clock.now()), () =>
    abort.abort(deadline >= ttlMs ? 'expired' : 'timeout'),
  );
  const stopRenewing = renewing(runtime, protocol, attempt, abort);
  const stopWatching = protocol.watchStop(attempt, ({ code, message }) => abort.abort(new RetryableError(code, message, 0)));
  const begunAt = clock.now();
  try {
    const ran = await Promise.race([handled(), stopped]);
    const outcome = ran.kind === 'outcome' ? ran.outcome.status : ran.kind;
    measured(() => ({ kind: 'run', agent: attempt.agent, outcome, seconds: (clock.now() - begunAt) / 1000 }));
    return ran;
  } finally {
    cancelDeadline();
    stopRenewing();
    stopWatching();
    abort.abort('done');
  }

  async function handled(): Promise<Ran> {
    try {
      const result = await agent.handlerFor(attempt.payload)(attempt.payload, {
        taskId: attempt.taskId,
        agent: attempt.agent,
        tenant: attempt.tenant,
        traceId: attempt.traceId,
        attempt: attempt.attempt,
        epoch: attempt.epoch,
        effectId: attempt.effectId,
        outcomeToken: attempt.outcomeToken,
        budgetCents: attempt.budgetCents,
        idempotencyKey: attempt.idempotencyKey,
        work: attempt.work,
        job: attempt.job,
        deadline,
        signal: abort.signal,
        reportCost: (cents) => {
          costMicros = reported(cents);
        },
        progress: (note) => protocol.note(attempt, note),
      });
      if (result === ACCEPTED) return { kind: 'parked' };
      return ended({ status: 'succeeded', result: asJson(result, runtime.settings.limits.maxBytes) });
    } catch (error) {
      return ended(failure(error));
    }
  }

  function stoppedAs(reason: unknown): Ran {
    if (reason === 'lost') return { kind: 'lost' };
    // Switched off: what becomes of the task is decided by whoever claims it next.
    if (reason instanceof RetryableError) return ended(failure(reason));
    return ended(STOPPED[reason as keyof typeof STOPPED] ?? STOPPED.timeout);
  }

  function ended(outcome: Outcome): Ran {
    return {
      kind: 'outcome',
      outcome: {
        ...outcome,
        ...(costMicros === undefined ? {} : { costMicros }),
        endedAt: Math.min(clock.now(), outcome.status === 'expired' ? ttlMs : Infinity),
      },
    };
  }
}

const STOPPED = {
  expired: { status: 'expired', error: { code: 'ttl_expired', message: 'The run was stopped at the time limit of the task.' } },
  timeout: {
    status: 'retry',
    error: { code: 'run_timeout', message: "The run was stopped at the agent's time limit for one run." },
  },
  cancel: { status: 'cancelled', error: { code: 'cancelled', message: 'Cancelled while it was running.' } },
} as const satisfies Record<string, Outcome>;

/** What a cost comes to; one that is no amount is no report, so that the quote stands, and not the nothing that JSON makes of it. */
const reported = (cents: number): number | undefined =>
  cents >= 0 && cents <= MAX_REPORTED_CENTS ? microsFromCents(cents) : undefined;

/** More than any quote; a double still holds it to the micro-dollar. */
const MAX_REPORTED_CENTS = 1e9;
/** What `dispatch` takes of an outcome: one that it refuses would be run, and charged, again. */
const MAX_CODE = 100;
const MAX_MESSAGE = 2_000;
const MAX_RETRY_AFTER_MS = 86_400_000;

function failure(error: unknown): Outcome {
  const known = error instanceof TerminalError || error instanceof RetryableError || error instanceof Problem;
  const code = known ? error.code : 'handler_failed';
  const message = error instanceof Error ? error.message : String(error);
  const shown = { code: String(code).slice(0, MAX_CODE) || 'handler_failed', message: String(message).slice(0, MAX_MESSAGE) };
  if (error instanceof TerminalError) return { status: error.code === 'ttl_expired' ? 'expired' : 'failed', error: shown };
  const retryAfterMs = error instanceof RetryableError ? error.retryAfterMs : undefined;
  const pauses = retryAfterMs !== undefined && retryAfterMs >= 0;
  return {
    status: 'retry',
    error: shown,
    ...(pauses ? { retryAfterMs: Math.min(retryAfterMs, MAX_RETRY_AFTER_MS) } : {}),
  };
}

/** What JSON makes of a result; one that JSON cannot carry, or that is too large, fails the task: no retry would mend it. */
function asJson(result: unknown, maxBytes: number): unknown {
  const text = jsonOf(result);
  const bytes = Buffer.byteLength(text);
  if (bytes > maxBytes)
    throw new TerminalError('too_large', `The result has ${bytes} bytes of JSON; at most ${maxBytes} are taken.`);
  const value: unknown = JSON.parse(text);
  const flaw = resultFlaw(value);
  if (flaw !== undefined) throw new TerminalError('result_not_json', `The result ${flaw}.`);
  return value;
}

function jsonOf(result: unknown): string {
  try {
    return JSON.stringify(result ?? null) ?? 'null';
  } catch (error) {
    throw new TerminalError(
      'result_not_json',
      `The handler returned what JSON cannot carry: ${(error as Error).message.slice(0, 200)}`,
    );
  }
}

/** Renews at two thirds of the lease, so that only runs that need it do; a failed renewal is tried again sooner. */
function renewing(runtime: Runners, protocol: TaskProtocol, attempt: Attempt, abort: AbortController): () => void {
  let cancel = runtime.clock.after((attempt.leaseMs * 2) / 3, renew);
  return () => cancel();

  function renew(): void {
    protocol.renew(attempt).then(
      (renewal) => {
        if (renewal !== 'held') abort.abort(renewal);
        else if (!abort.signal.aborted) cancel = runtime.clock.after((attempt.leaseMs * 2) / 3, renew);
      },
      (error: unknown) => {
        runtime.log.warn({ err: error, taskId: attempt.taskId }, 'A lease could not be renewed; trying again.');
        if (!abort.signal.aborted) cancel = runtime.clock.after(attempt.leaseMs / 10, renew);
      },
    );
  }
}
