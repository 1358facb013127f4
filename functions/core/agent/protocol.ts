/**
 * What an agent needs of the system around it, as one port with two adapters: built-in agents reach the document store, users'
 * agents go through `dispatch` over HTTPS.
 */

import type { Flaw, Incoming } from '../push-gate.ts';
import type { Outcome } from '../run-message.ts';
import type { Job, JsonObject, Known, TaskError } from '../task.ts';
import type { DefinedAgent } from './define-agent.ts';

/** One claimed run of a task. */
export interface Attempt {
  readonly taskId: string;
  readonly agent: string;
  readonly tenant: string;
  readonly payload: JsonObject;
  readonly work?: JsonObject;
  readonly job?: Job;
  /** Unix seconds. */
  readonly ttl: number;
  readonly budgetCents: number;
  readonly idempotencyKey?: string;
  readonly traceId: string;
  readonly epoch: number;
  readonly attempt: number;
  /** The same over all attempts of a task: hand it on as the idempotency key of what the run changes elsewhere. */
  readonly effectId: string;
  readonly outcomeToken: string;
  readonly quoteMicros: number;
  readonly leaseMs: number;
  /** The document as last seen; only where the agent reaches the store. */
  known?: Known;
}

/**
 * `claimed`: have `agent` run it. `acknowledge`: there is nothing to run. `later`: the message should come again. `ended`: the task ended
 * without a run. `quarantined`: the message can never be processed. `adopted` when the message named no task: it became one,
 * which has to be acknowledged, since its dead letter would have another id and become a second one.
 */
export type Claimed =
  | { readonly kind: 'claimed'; readonly attempt: Attempt; readonly agent: DefinedAgent; readonly adopted?: boolean }
  | { readonly kind: 'acknowledge' | 'ended'; readonly taskId: string }
  | { readonly kind: 'later'; readonly adopted?: boolean }
  | ({ readonly kind: 'quarantined' } & Flaw);

export interface TaskProtocol {
  claim(incoming: Incoming): Promise<Claimed>;
  /** `cancel` when the task is to be cancelled, `lost` when another attempt has taken over or the task has ended. */
  renew(attempt: Attempt): Promise<'held' | 'lost' | 'cancel'>;
  /** Calls back once the agent was switched off or removed while the attempt runs; the result ends the watch. */
  watchStop(attempt: Attempt, onStop: (error: TaskError) => void): () => void;
  /** Leaves the run open until its outcome is reported with the outcome token, until the ttl. */
  park(attempt: Attempt): Promise<void>;
  /** Appends a progress note to the timeline. */
  note(attempt: Attempt, text: string): Promise<void>;
  /** Hands the outcome on to be recorded. */
  report(attempt: Attempt, outcome: Outcome): Promise<void>;
  /** Records the outcome before it returns: for callers that wait for it. */
  conclude(attempt: Attempt, outcome: Outcome): Promise<void>;
  /** Puts the task back for another attempt; `ended` when there is none left. */
  retry(
    attempt: Attempt,
    failure: { readonly error: TaskError; readonly costMicros?: number; readonly retryAfterMs?: number },
  ): Promise<'queued' | 'ended'>;
  /** How a task ended, for a caller that asks again. */
  outcome(taskId: string): Promise<Outcome | undefined>;
}
