/** `http`: relays a task to an HTTP agent by the agent protocol, holding the lease for it. */

import { ACCEPTED, type Context, type Handler } from '../core/agent/define-agent.ts';
import { RetryableError, TerminalError } from '../core/errors.ts';
import { resultFlaw } from '../core/json-value.ts';
import type { EgressReply, Trust } from '../core/ports.ts';
import { parsedData } from '../core/push-gate.ts';
import { circuitKey } from '../core/registry/circuit.ts';
import type { Runtime } from '../core/runtime.ts';
import type { JsonObject } from '../core/task.ts';
import { ask, retryAfterMs } from './ask.ts';

/** Whom a task is relayed to. */
export interface Relayed {
  readonly name: string;
  readonly endpoint: string;
  readonly trust: Trust;
}

type Relays = Pick<Runtime, 'egress' | 'ids' | 'identity' | 'clock' | 'documents' | 'settings' | 'log'>;

/**
 * POSTs `{taskId, agent, payload, work?, ttl, budgetCents, idempotencyKey, traceId, epoch, attempt, outcomeToken}` with an ID token
 * for the agent's origin. 200 with `{status: "succeeded", result, costCents}` or any other JSON is the result; 202 parks the task
 * until the agent reports; 402 and 410 and other 4xx with a problem document fail it; everything else is tried again.
 */
export function relay(runtime: Relays, { name, endpoint, trust }: Relayed): Handler {
  return async (payload, context) => {
    const reply = await request(payload, context);
    const body = parsedData(reply.body)?.value;
    if (reply.status === 202) return ACCEPTED;
    if (reply.status >= 200 && reply.status < 300) return resultOf(name, body, context);
    throw failureOf(name, reply, body, runtime.clock.now());
  };

  async function request(payload: JsonObject, context: Context): Promise<EgressReply> {
    const { taskId, agent, budgetCents, traceId, epoch, attempt, outcomeToken, effectId, work } = context;
    const body = {
      taskId,
      agent,
      payload,
      ...(work === undefined ? {} : { work }),
      ttl: context.deadline / 1000,
      budgetCents,
      idempotencyKey: effectId,
      traceId,
      epoch,
      attempt,
      outcomeToken,
    };
    try {
      const token = await runtime.identity.idToken(new URL(endpoint).origin);
      const circuit = circuitKey({ name, handling: { type: 'http', endpoint, trust } }, context.tenant);
      const headers = { authorization: `Bearer ${token}` };
      return await ask(runtime, { url: endpoint, trust, headers, body, circuit }, context);
    } catch (error) {
      throw new RetryableError('agent_unreachable', `Agent ${name} could not be reached: ${(error as Error).message}`);
    }
  }
}

function resultOf(name: string, body: unknown, context: Context): unknown {
  if (body === undefined) throw new TerminalError('invalid_reply', `Agent ${name} answered with something that is not JSON.`);
  const flaw = resultFlaw(body);
  if (flaw !== undefined) throw new TerminalError('invalid_reply', `Agent ${name} answered with JSON that ${flaw}.`);
  const reply = (typeof body === 'object' && body !== null ? body : {}) as JsonObject;
  if (reply.status !== 'succeeded' || !Object.hasOwn(reply, 'result')) return body;
  if (typeof reply.costCents === 'number' && reply.costCents >= 0) context.reportCost(reply.costCents);
  return reply.result;
}

function failureOf(name: string, reply: EgressReply, body: unknown, now: number): Error {
  const isProblem = /^application\/problem\+json/i.test(reply.headers['content-type'] ?? '');
  const { code, detail } = (typeof body === 'object' && body !== null ? body : {}) as { code?: unknown; detail?: unknown };
  const message = `Agent ${name} answered ${reply.status}${typeof detail === 'string' ? `: ${detail.slice(0, 1_000)}` : ''}`;
  if (reply.status === 402) return new TerminalError('budget_exceeded', message);
  if (reply.status === 410) return new TerminalError('ttl_expired', message);
  const terminal = reply.status >= 400 && reply.status < 500 && reply.status !== 408 && reply.status !== 429 && isProblem;
  if (terminal) return new TerminalError((typeof code === 'string' && code.slice(0, 100)) || 'agent_refused', message);
  return new RetryableError('agent_unreachable', message, retryAfterMs(reply, now));
}
