/**
 * Flows: a webhook of n8n, ActivePieces or any other is POSTed `{intent, inputs, trace}`. Attempts, their backoff, the circuit and how
 * many run at once are those of every task.
 */

import { ACCEPTED, type Handler } from '../core/agent/define-agent.ts';
import { RetryableError, TerminalError } from '../core/errors.ts';
import type { Intent } from '../core/intents/intents.ts';
import { parsedData } from '../core/push-gate.ts';
import type { Runtime } from '../core/runtime.ts';

const MAX_BYTES = 32 * 1024 * 1024;

/**
 * The handler of a flow. 2xx with JSON is the result; 202 leaves it to `POST /callbacks/ingest`; 408, 429 and 5xx are tried again, as
 * is what gives no answer; every other status fails the job.
 */
export function runFlow(runtime: Runtime, intent: Intent): Handler {
  return async (inputs, { effectId, traceId, outcomeToken, epoch, taskId, job, deadline, signal }) => {
    const reply = await runtime.egress
      .request({
        url: intent.target,
        trust: intent.trust,
        method: 'POST',
        headers: { 'content-type': 'application/json', 'idempotency-key': effectId },
        body: JSON.stringify({
          intent: intent.name,
          inputs,
          trace: job?.trace ?? traceId,
          job_id: `job_${taskId}`,
          epoch,
          outcomeToken,
        }),
        timeoutMs: Math.max(1, deadline - runtime.clock.now()),
        maxBytes: MAX_BYTES,
        signal,
      })
      .catch((error: Error) => {
        throw new RetryableError('flow_unreachable', `The flow of ${intent.name} could not be reached: ${error.message}`);
      });
    if (reply.status === 202) return ACCEPTED;
    if (reply.status >= 200 && reply.status < 300) return parsedData(reply.body)?.value ?? reply.body.toString('utf8');
    const message = `The flow of ${intent.name} answered ${reply.status}.`;
    const isPassing = reply.status >= 500 || reply.status === 429 || reply.status === 408;
    throw isPassing ? new RetryableError('flow_failed', message) : new TerminalError('flow_refused', message);
  };
}
