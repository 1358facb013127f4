/** Admission: the checks that a packet passes before it becomes a task, whichever way it came. */

import type { Agent } from './agents.ts';
import { Problem } from './errors.ts';
import { checked, invalidFields } from './http.ts';
import { packetSchema, type TimedPacket, timed } from './packet.ts';
import type { Runtime } from './runtime.ts';

export interface Admitted {
  readonly agent: Agent;
  readonly packet: TimedPacket;
}

/**
 * The packet and its agent, as seen at `nowMs` (milliseconds since the epoch). Throws `Problem` 422 `invalid_fields` (every bad
 * field named), `agent_not_found`, `egress_denied`.
 */
export async function admit(runtime: Pick<Runtime, 'agents' | 'egress'>, given: unknown, nowMs: number): Promise<Admitted> {
  const packet = timed(checked(packetSchema, given), nowMs);
  if ('rule' in packet) throw invalidFields([{ field: packet.field, code: 'out_of_range', message: packet.rule }]);
  const agent = runtime.agents.find(packet.agent);
  if (agent === undefined) {
    throw new Problem(
      422,
      'agent_not_found',
      `Agent ${packet.agent} not found. The agents here are ${runtime.agents.names.join(', ')}.`,
      { fields: [{ field: 'agent', code: 'agent_not_found', message: 'names no agent' }] },
    );
  }
  if (packet.callbackUrl !== undefined) await checkCallback(runtime, packet.callbackUrl);
  return { agent, packet };
}

async function checkCallback({ egress }: Pick<Runtime, 'egress'>, url: string): Promise<void> {
  try {
    await egress.check(url, 'user');
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    const fields = [{ field: 'callbackUrl', code: error.code, message: error.message }];
    throw new Problem(422, error.code, `callbackUrl: ${error.message}`, { fields });
  }
}
