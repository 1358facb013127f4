/** `POST /agents/{name}/enable`, `/disable` and `/heartbeat`. */

import { commitAudited } from '../core/audit/audit.ts';
import type { Caller } from '../core/authenticate.ts';
import { PreconditionFailed } from '../core/ports.ts';
import { AGENTS } from '../core/registry/registry.ts';
import { agentScope, readSwitches } from '../core/registry/switches.ts';
import type { Runtime } from '../core/runtime.ts';
import type { JsonObject } from '../core/task.ts';
import { getAgent, isEnabled } from './read-agents.ts';
import { ownAgent } from './register-agent.ts';
import { switchWrites } from './switchboard.ts';

/** A store takes few writes a second of one document, and many instances of an agent may say that they live. */
const HEARTBEAT_MS = 5_000;

/**
 * Switches an agent on or off for the caller's tenant, also one that is everybody's. Off: within 10 s nothing new is taken, what
 * waits for it is dead (and can be redriven), what runs is stopped. Gives the agent's view. Throws `Problem` 404.
 */
export async function switchAgent(runtime: Runtime, caller: Caller, name: string, enabled: boolean): Promise<JsonObject> {
  const { tenant } = caller;
  await getAgent(runtime, caller, name);
  await commitAudited(runtime, { tenant, entity: agentScope(name), actor: caller.name }, async () => ({
    writes: await switchWrites(runtime, caller, name, enabled ? 'on' : 'off'),
    event: enabled ? 'enabled' : 'disabled',
    answer: undefined,
  }));
  return getAgent(runtime, caller, name);
}

/**
 * Notes that a registered agent lives; more often than every 5 s changes nothing. Gives `{status: "success", agent_name, enabled,
 * lastSeenAt}`, so that an agent knows when it is off. Throws `Problem` 404.
 */
export async function heartbeat(runtime: Runtime, caller: Caller, name: string): Promise<JsonObject> {
  const { control, clock } = runtime;
  const { id, version, data } = await ownAgent(runtime, caller.tenant, name);
  const now = clock.now();
  const isDue = now - ((data.lastSeenAt as number | undefined) ?? 0) >= HEARTBEAT_MS;
  if (isDue) {
    try {
      await control.commit([{ kind: 'update', collection: AGENTS, id, version, set: { lastSeenAt: now } }]);
    } catch (error) {
      // Another one of its instances was quicker, or it was registered anew: seen it is.
      if (!(error instanceof PreconditionFailed)) throw error;
    }
  }
  const lastSeenAt = new Date(isDue ? now : (data.lastSeenAt as number)).toISOString();
  const enabled = isEnabled(await readSwitches(runtime, caller.tenant), name);
  return { status: 'success', agent_name: name, enabled, lastSeenAt };
}
