/** One request to an agent or a flow of somebody else's, whose circuit is told whether it answered. */

import type { Context } from '../core/agent/define-agent.ts';
import type { EgressReply, Trust } from '../core/ports.ts';
import { type CircuitKey, noteAnswer } from '../core/registry/circuit.ts';
import type { Runtime } from '../core/runtime.ts';
import type { JsonObject } from '../core/task.ts';
import { onward } from '../core/trace.ts';

type Askers = Pick<Runtime, 'egress' | 'ids' | 'clock' | 'documents' | 'settings' | 'log'>;

export interface Asked {
  readonly url: string;
  readonly trust: Trust;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: JsonObject;
  readonly circuit: CircuitKey | undefined;
}

const MAX_BYTES = 32 * 1024 * 1024;
const SPARE_MS = 1_000;

/**
 * POSTs JSON, with the attempt's effect id as its `Idempotency-Key` and the task's trace, and gives the reply, whatever its status. Whoever answers with
 * less than 500 is there. Throws what `egress.request` throws.
 */
export async function ask(runtime: Askers, { circuit, body, headers, ...to }: Asked, context: Context): Promise<EgressReply> {
  const note = async (answered: boolean) => circuit && noteAnswer(runtime, circuit, answered);
  try {
    const reply = await runtime.egress.request({
      ...to,
      method: 'POST',
      headers: { 'content-type': 'application/json', 'idempotency-key': context.effectId, ...onward(runtime.ids), ...headers },
      body: JSON.stringify(body),
      // The signal ends it at the deadline, and says why.
      timeoutMs: Math.max(0, context.deadline - runtime.clock.now()) + SPARE_MS,
      maxBytes: MAX_BYTES,
      signal: context.signal,
    });
    await note(reply.status < 500);
    return reply;
  } catch (error) {
    if (isItsFault(context)) await note((error as { code?: unknown } | undefined)?.code === 'egress_too_large');
    throw error;
  }
}

/** One that was stopped says nothing of who was asked, unless it had all the time of a run. */
const isItsFault = ({ signal }: Context): boolean => !signal.aborted || signal.reason === 'timeout';

/**
 * How long `Retry-After` asks to wait, in milliseconds: it gives seconds or a date.
 *
 * Source: RFC 9110, section 10.2.3.
 */
export function retryAfterMs({ headers }: EgressReply, now: number): number | undefined {
  const given = headers['retry-after'] ?? '';
  const wait = /^\d+$/.test(given) ? Number(given) * 1000 : Date.parse(given) - now;
  return wait > 0 ? wait : undefined;
}
