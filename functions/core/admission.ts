/** Admission: the checks that a packet passes before it becomes a task, whichever way it came. */

import { Problem } from './errors.ts';
import { checked, invalidFields } from './http.ts';
import { packetSchema, type TimedPacket, timed } from './packet.ts';
import { projectOfTask } from './projects.ts';
import type { Agent } from './registry/agents.ts';
import { openAgent } from './registry/registry.ts';
import type { Runtime } from './runtime.ts';

/** What admission needs of a function. */
export type Admitters = Pick<Runtime, 'agents' | 'control' | 'clock' | 'settings' | 'egress' | 'documents' | 'trees'>;

export interface Admitted {
  readonly agent: Agent;
  readonly packet: TimedPacket;
}

/**
 * A tenant's packet and its agent, as seen at `nowMs` (milliseconds since the epoch). Throws `Problem` 422 `invalid_fields` (every
 * bad field named), `agent_not_found`, `egress_denied`, 409 `agent_disabled`, and for a modification what `projectOfTask` throws.
 */
export async function admit(runtime: Admitters, tenant: string, given: unknown, nowMs: number): Promise<Admitted> {
  const packet = timed(checked(packetSchema, given), nowMs);
  if ('rule' in packet) throw invalidFields([{ field: packet.field, code: 'out_of_range', message: packet.rule }]);
  const agent = await openAgent(runtime, tenant, packet.agent);
  if (packet.callbackUrl !== undefined) await checkAddress(runtime, 'callbackUrl', packet.callbackUrl);
  const project = await projectOfTask(runtime, tenant, packet);
  return { agent, packet: project === undefined ? packet : { ...packet, projectId: project.projectId } };
}

/** Refuses an address of a user's that is not public. Throws `Problem` 422 `egress_denied` that names its field. */
export async function checkAddress({ egress }: Pick<Runtime, 'egress'>, field: string, url: string): Promise<void> {
  try {
    await egress.check(url, 'user');
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    const fields = [{ field, code: error.code, message: error.message }];
    throw new Problem(422, error.code, `${field}: ${error.message}`, { fields });
  }
}
