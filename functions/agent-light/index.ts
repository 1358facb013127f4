/** `agent-light`: the built-in agent, and the relay to HTTP agents. Claims in the store. */

import { accountEmail } from '../core/addresses.ts';
import { agentRoom } from '../core/agent/agent-room.ts';
import { storeProtocol } from '../core/agent/store-protocol.ts';
import { isLocalRequest } from '../core/authenticate.ts';
import { jsonBody, send } from '../core/http.ts';
import { admitAccounts, admitPush } from '../core/push-gate.ts';
import { quarantine } from '../core/quarantine.ts';
import type { Room, Runtime } from '../core/runtime.ts';
import { runners } from './runners.ts';

export function agentLight(runtime: Runtime): Room {
  const dispatchAccount = accountEmail(runtime.settings, 'dispatch');
  return agentRoom(runtime, {
    protocol: storeProtocol(runtime, runners(runtime)),
    async admit(request, path) {
      const local =
        path === '/run' &&
        runtime.settings.auth === 'open' &&
        request.headers.authorization === undefined &&
        isLocalRequest(request);
      if (!local) await admitPush(runtime, request, path, path === '/run' ? [dispatchAccount] : []);
    },
    quarantine: (incoming, flaw) => quarantine(runtime, incoming.message, flaw),
    dependsOn: ['documents', 'messages', 'objects'],
    routes(router) {
      router.post('/mcp/tools', async (request, response) => {
        await admitAccounts(runtime, request, '/mcp/tools', [dispatchAccount]);
        const { listTools } = await import('./mcp/list-tools.ts');
        send(response, 200, await listTools(runtime, await jsonBody(request)));
      });
    },
  });
}
