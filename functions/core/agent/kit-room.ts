/** A user's agent as a function: what `defineAgent` gives, behind HTTP, claiming through `dispatch`. */

import { accountEmail } from '../addresses.ts';
import { Problem } from '../errors.ts';
import { admitPush } from '../push-gate.ts';
import type { Room, Runtime } from '../runtime.ts';
import { agentRoom } from './agent-room.ts';
import type { DefinedAgent } from './define-agent.ts';
import { httpsProtocol } from './https-protocol.ts';

/** The ports that a user's agent needs: no database, no topic. */
export type KitRuntime = Pick<
  Runtime,
  'name' | 'version' | 'settings' | 'clock' | 'ids' | 'log' | 'egress' | 'identity' | 'tokenKeys'
>;

/** `POST /run` for `dispatch`, `POST /pubsub/push` for the agent's own subscription. */
export function kitRoom(runtime: KitRuntime, agent: DefinedAgent): Room {
  return agentRoom(runtime, {
    protocol: httpsProtocol(runtime, agent),
    admit: (request, path) =>
      admitPush(runtime, request, path, path === '/run' ? [accountEmail(runtime.settings, 'dispatch')] : []),
    // This agent has no store to keep it in: unacknowledged, the message goes to the dead letters, where it is quarantined.
    async quarantine(_incoming, { code, reason }) {
      throw new Problem(422, code, reason);
    },
    dependsOn: ['dispatch'],
  });
}
