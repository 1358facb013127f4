/** `control`: who may do what, and what there is: the agents, and what is switched off. */

import type { Request, Response } from 'router';
import { authenticator, type Caller, type Scope } from '../core/authenticate.ts';
import { jsonBody, queryOf, room, send } from '../core/http.ts';
import type { Room, Runtime } from '../core/runtime.ts';
import { getAgent, listAgents } from './read-agents.ts';
import { deleteAgent, registerAgent } from './register-agent.ts';
import { heartbeat, switchAgent } from './switch-agent.ts';

export function control(runtime: Runtime): Room {
  const authenticate = authenticator(runtime);

  return room(runtime, ['control'], (router) => {
    router.post(
      '/register-agent',
      as('admin', async (caller, request) => registerAgent(runtime, caller, await jsonBody(request))),
    );
    router.get(
      '/agents',
      as('read', (caller, request) => listAgents(runtime, caller, queryOf(request))),
    );
    router.get(
      '/agents/:name',
      as('read', (caller, request) => getAgent(runtime, caller, nameOf(request))),
    );
    router.delete(
      '/agents/:name',
      as('admin', (caller, request) => deleteAgent(runtime, caller, nameOf(request))),
    );
    router.post(
      '/agents/:name/enable',
      as('admin', (caller, request) => switchAgent(runtime, caller, nameOf(request), true)),
    );
    router.post(
      '/agents/:name/disable',
      as('admin', (caller, request) => switchAgent(runtime, caller, nameOf(request), false)),
    );
    router.post(
      '/agents/:name/heartbeat',
      as('dispatch', (caller, request) => heartbeat(runtime, caller, nameOf(request))),
    );
  });

  function as(scope: Scope, answer: (caller: Caller, request: Request) => Promise<unknown>) {
    return async (request: Request, response: Response) =>
      send(response, 200, await answer(await authenticate(request, scope), request));
  }
}

const nameOf = (request: Request): string => String(request.params.name);
