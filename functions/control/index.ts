/** `control`: who may do what, and what there is: the agents, what is switched off or paused, what is to be approved. */

import type { Request, Response } from 'router';
import { authenticator, type Caller, type Scope } from '../core/authenticate.ts';
import { jsonBody, queryOf, room, send } from '../core/http.ts';
import type { Room, Runtime } from '../core/runtime.ts';
import { getApprovalPolicy, putApprovalPolicy } from './approval-policy.ts';
import { decideApproval } from './decide-approval.ts';
import { exportAudit } from './export-audit.ts';
import { deleteIntent, listIntents, putIntent } from './intents.ts';
import { listApprovals } from './list-approvals.ts';
import { emergencyStop, getSwitches, liftStop, pause, resume } from './pauses.ts';
import { getAgent, listAgents } from './read-agents.ts';
import { getAudit } from './read-audit.ts';
import { deleteAgent, registerAgent } from './register-agent.ts';
import { heartbeat, switchAgent } from './switch-agent.ts';
import { systemState } from './system-state.ts';

export function control(runtime: Runtime): Room {
  const authenticate = authenticator(runtime);

  return room(runtime, ['control', 'documents', 'messages'], (router) => {
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
    router.post(
      '/agents/:name/pause',
      as('admin', (caller, request) => pause(runtime, caller, { agent: nameOf(request) })),
    );
    router.post(
      '/agents/:name/resume',
      as('admin', (caller, request) => resume(runtime, caller, { agent: nameOf(request) })),
    );
    router.get(
      '/intents',
      as('read', (caller, request) => listIntents(runtime, caller, queryOf(request))),
    );
    router.put(
      '/intents/:name',
      as('admin', async (caller, request) => putIntent(runtime, caller, nameOf(request), await jsonBody(request))),
    );
    router.delete(
      '/intents/:name',
      as('admin', (caller, request) => deleteIntent(runtime, caller, nameOf(request), queryOf(request))),
    );
    router.post(
      '/pause',
      as('admin', async (caller, request) => pause(runtime, caller, await jsonBody(request))),
    );
    router.post(
      '/resume',
      as('admin', async (caller, request) => resume(runtime, caller, await jsonBody(request))),
    );
    // Without a body: in an emergency there is nothing to get right.
    router.post(
      '/emergency-stop',
      as('admin', (caller) => emergencyStop(runtime, caller)),
    );
    router.delete(
      '/emergency-stop',
      as('admin', (caller) => liftStop(runtime, caller)),
    );
    router.get(
      '/switches',
      as('admin', (caller) => getSwitches(runtime, caller)),
    );
    router.get(
      '/system-state',
      as('read', (caller, request) => systemState(runtime, caller, queryOf(request))),
    );
    router.get(
      '/policies/approvals',
      as('admin', (caller) => getApprovalPolicy(runtime, caller)),
    );
    router.put(
      '/policies/approvals',
      as('admin', async (caller, request) => putApprovalPolicy(runtime, caller, await jsonBody(request))),
    );
    router.get(
      '/approvals',
      as('admin', (caller, request) => listApprovals(runtime, caller, queryOf(request))),
    );
    router.post(
      '/approvals/:id',
      as('admin', async (caller, request) => decideApproval(runtime, caller, String(request.params.id), await jsonBody(request))),
    );
    // Not for readers: who holds which key, where agents are reached, and why somebody decided as he did.
    router.get(
      '/audit',
      as('admin', (caller, request) => getAudit(runtime, caller, queryOf(request))),
    );
    router.get('/audit/export', async (request: Request, response: Response) =>
      exportAudit(runtime, await authenticate(request, 'admin'), queryOf(request), response),
    );
  });

  function as(scope: Scope, answer: (caller: Caller, request: Request) => Promise<unknown>) {
    return async (request: Request, response: Response) =>
      send(response, 200, await answer(await authenticate(request, scope), request));
  }
}

const nameOf = (request: Request): string => String(request.params.name);
