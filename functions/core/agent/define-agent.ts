/**
 * The agent kit: an agent is a name, a price and handlers. The rest (token check, time limit, budget, idempotency, lease with
 * heartbeat, abort signal at the deadline, terminal and retryable errors, reporting) comes with it.
 *
 *     export const codex = defineAgent({
 *       name: 'codex',
 *       priceCents: 5,
 *       handlers: { review: async (payload, { signal }) => ({ verdict: await review(payload, signal) }) },
 *     });
 */

import { microsFromCents } from '../budgets/money.ts';
import { TerminalError } from '../errors.ts';
import type { Job, JsonObject } from '../task.ts';

/** Returned by a handler whose work goes on elsewhere: its outcome will be reported with `context.outcomeToken`. */
export const ACCEPTED: unique symbol = Symbol('ACCEPTED');

export interface Context {
  readonly taskId: string;
  readonly agent: string;
  readonly tenant: string;
  readonly traceId: string;
  /** Counts from 1. */
  readonly attempt: number;
  /** Grows with each attempt: fences what an older one may still write. */
  readonly epoch: number;
  /** The same over all attempts: the idempotency key for what the run changes elsewhere. */
  readonly effectId: string;
  /** Proof of this attempt, for reporting its outcome from elsewhere. */
  readonly outcomeToken: string;
  readonly budgetCents: number;
  /** When the run has to end, in milliseconds since the epoch; the signal fires then. */
  readonly deadline: number;
  /** Fires at the deadline, on cancellation and when another attempt has taken over. */
  readonly signal: AbortSignal;
  readonly idempotencyKey: string | undefined;
  /** What a structured task says beside its payload: `module_name`, `task_type`, `constraints` and the other fields of `/submit-task`. */
  readonly work: JsonObject | undefined;
  /** What `/orchestrate` was asked for, of a task that it has made. */
  readonly job: Job | undefined;
  /** What the run really cost, in cents, when that is less than its price. */
  reportCost(cents: number): void;
  /** Appends a note (at most 1 KiB) to the task's timeline. */
  progress(note: string): Promise<void>;
}

/** Returns the result (any JSON value), throws `TerminalError` to fail the task, anything else to ask for another attempt. */
export type Handler = (payload: JsonObject, context: Context) => unknown;

export interface AgentDefinition {
  readonly name: string;
  /** The most that a run costs, in cents; a function may price each payload. What cannot be priced is not run. */
  readonly priceCents: number | ((payload: JsonObject) => number);
  /** The first is the default; a payload names another one in its field `handler`. */
  readonly handlers: Readonly<Record<string, Handler>>;
  /** The most that one run may take, in seconds: at most 540, the default. */
  readonly timeLimitSeconds?: number;
}

export interface DefinedAgent {
  readonly name: string;
  readonly timeLimitMs: number;
  quoteMicros(payload: JsonObject): number;
  handlerFor(payload: JsonObject): Handler;
}

/** Checks a definition. Throws `TypeError` for one that can never work. */
export function defineAgent(definition: AgentDefinition): DefinedAgent {
  const { name, priceCents, handlers, timeLimitSeconds = 540 } = definition;
  const [first] = Object.values(handlers);
  if (first === undefined) throw new TypeError(`The agent ${name} has no handlers.`);
  if (!(timeLimitSeconds > 0 && timeLimitSeconds <= 540))
    throw new TypeError(`The agent ${name} has a time limit outside 0 to 540 seconds.`);
  return {
    name,
    timeLimitMs: timeLimitSeconds * 1000,
    quoteMicros(payload) {
      const cents = typeof priceCents === 'function' ? priceCents(payload) : priceCents;
      if (!Number.isFinite(cents) || cents < 0)
        throw new TerminalError(
          'unpriceable',
          `The agent ${name} has no price for this payload; what cannot be priced is not run.`,
        );
      return microsFromCents(cents);
    },
    handlerFor(payload) {
      if (payload.handler === undefined) return first;
      const handler =
        typeof payload.handler === 'string' && Object.hasOwn(handlers, payload.handler) ? handlers[payload.handler] : undefined;
      if (handler === undefined)
        throw new TerminalError(
          'unknown_handler',
          `The agent ${name} has the handlers ${Object.keys(handlers).join(', ')}; payload.handler names none of them.`,
        );
      return handler;
    },
  };
}
