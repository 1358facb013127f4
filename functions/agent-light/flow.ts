/**
 * Flows: a webhook of n8n, ActivePieces or any other is POSTed `{intent, inputs, trace}`. Attempts, their backoff, the circuit and how
 * many run at once are those of every task.
 */

import { isUtf8 } from 'node:buffer';
import { functionUrl } from '../core/addresses.ts';
import { ACCEPTED, type Context, type Handler } from '../core/agent/define-agent.ts';
import { Problem, RetryableError, TerminalError } from '../core/errors.ts';
import type { Intent } from '../core/intents/intents.ts';
import { jobIdOf } from '../core/intents/job-view.ts';
import { resultFlaw } from '../core/json-value.ts';
import type { EgressReply } from '../core/ports.ts';
import { parsedData } from '../core/push-gate.ts';
import { circuitKey } from '../core/registry/circuit.ts';
import type { Runtime } from '../core/runtime.ts';
import type { JsonObject } from '../core/task.ts';
import { ask, retryAfterMs } from './ask.ts';

/** What no other attempt would mend. */
const FINAL = ['egress_denied', 'egress_too_large'];

/**
 * The handler of a flow. 2xx is the result: JSON as that, other text as text, nothing as null; 202 leaves it to
 * `POST /callbacks/ingest`. 408, 429 and 5xx are tried again, as is what gives no whole answer; every other status fails the job.
 */
export function runFlow(runtime: Runtime, intent: Intent): Handler {
  return async (inputs, context) => {
    const reply = await asked(inputs, context);
    if (reply.status === 202) return ACCEPTED;
    if (reply.status >= 200 && reply.status < 300) return resultOf(intent, reply);
    throw failureOf(intent, reply, runtime.clock.now());
  };

  async function asked(inputs: JsonObject, context: Context): Promise<EgressReply> {
    const { taskId, tenant, traceId, epoch, outcomeToken, job } = context;
    const { name, target: url, trust } = intent;
    const body = {
      intent: name,
      inputs,
      trace: job?.trace ?? traceId,
      job_id: jobIdOf(taskId),
      callback_url: `${functionUrl(runtime.settings, 'dispatch')}/callbacks/ingest`,
      epoch,
      outcomeToken,
    };
    const circuit = circuitKey({ name: context.agent, handling: { type: 'intent', intent } }, tenant);
    try {
      return await ask(runtime, { url, trust, headers: {}, body, circuit }, context);
    } catch (error) {
      const message = `The flow of ${name} gave no whole answer: ${(error as Error).message}`;
      if (error instanceof Problem && FINAL.includes(error.code)) throw new TerminalError(error.code, message);
      throw new RetryableError('flow_unreachable', message);
    }
  }
}

/** A reply that says it is JSON has to be; what says nothing is if it can be. */
function resultOf({ name }: Intent, { headers, body }: EgressReply): unknown {
  if (body.length === 0) return null;
  const type = headers['content-type'] ?? '';
  const isJson = /^application\/(?:[\w.+-]+\+)?json\s*(?:;|$)/i.test(type);
  const parsed = isJson || type === '' ? parsedData(body) : undefined;
  const flaw = parsed === undefined ? textFlaw(isJson, body) : resultFlaw(parsed.value);
  if (flaw !== undefined) throw new TerminalError('invalid_reply', `The flow of ${name} answered with what ${flaw}.`);
  return parsed === undefined ? body.toString('utf8') : parsed.value;
}

const textFlaw = (isJson: boolean, body: Buffer): string | undefined =>
  isJson ? 'says that it is JSON, and is none' : isUtf8(body) ? undefined : 'is neither JSON nor text';

function failureOf({ name }: Intent, reply: EgressReply, now: number): Error {
  const { status } = reply;
  const message = `The flow of ${name} answered ${status}.`;
  if (status >= 500 || status === 429 || status === 408)
    return new RetryableError('flow_failed', message, retryAfterMs(reply, now));
  const isElsewhere = status >= 300 && status < 400;
  return new TerminalError(
    'flow_refused',
    isElsewhere ? `${message} Redirects are not followed: set its target to where it is.` : message,
  );
}
