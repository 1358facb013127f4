/** `agent-light`: the built-in agent, and the relay to the operator's HTTP agents. Claims in the store. */

import { accountEmail } from '../core/addresses.ts';
import { agentRoom } from '../core/agent/agent-room.ts';
import { type DefinedAgent, defineAgent } from '../core/agent/define-agent.ts';
import { storeProtocol } from '../core/agent/store-protocol.ts';
import { isLocalRequest } from '../core/authenticate.ts';
import { admitPush } from '../core/push-gate.ts';
import { quarantine } from '../core/quarantine.ts';
import type { Room, Runtime } from '../core/runtime.ts';
import { echo } from './echo.ts';
import { relay } from './relay.ts';
import { textDigest } from './text-digest.ts';

export function agentLight(runtime: Runtime): Room {
  const light = defineAgent({
    name: 'light',
    priceCents: runtime.settings.agentCostPerRunCents,
    handlers: { echo, 'text.digest': textDigest(runtime) },
  });
  const relayed = new Map(
    runtime.settings.agents.map((row) => [row.name, defineAgent({ ...row, handlers: { http: relay(runtime, row) } })]),
  );

  return agentRoom(runtime, {
    agent: (name): DefinedAgent => relayed.get(name) ?? light,
    protocol: storeProtocol(runtime, (name) => name === light.name || relayed.has(name)),
    async admit(request, path) {
      const local =
        path === '/run' &&
        runtime.settings.auth === 'open' &&
        request.headers.authorization === undefined &&
        isLocalRequest(request);
      if (!local) await admitPush(runtime, request, path, path === '/run' ? [accountEmail(runtime.settings, 'dispatch')] : []);
    },
    quarantine: (incoming, flaw) => quarantine(runtime, incoming.message, flaw),
    dependsOn: ['documents', 'messages', 'objects'],
  });
}
