/** `dispatch`: the front door. Takes tasks, shows them, and is the way to the store for agents that do not reach it themselves. */

import type { Request, Response } from 'router';
import { authenticator, type Caller, type Scope } from '../core/authenticate.ts';
import { jsonBody, jsonBytes, parsedJson, queryOf, room, send, UNPROVEN_BODY_BYTES } from '../core/http.ts';
import type { Room, Runtime } from '../core/runtime.ts';
import { cancel } from './cancel.ts';
import { postDispatch } from './post-dispatch.ts';
import { getTask, listTasks } from './read-tasks.ts';

/** Loaded when one is first asked for: every start carries what is always needed, and no more. */
const seldom = {
  submit: () => import('./submit-task.ts'),
  claims: () => import('./agent-claims.ts'),
  updates: () => import('./task-update.ts'),
  budgets: () => import('./budgets.ts'),
  costs: () => import('./costs.ts'),
  keys: () => import('./callback-keys.ts'),
  redrive: () => import('./redrive.ts'),
  events: () => import('./task-events.ts'),
  mcp: () => import('./mcp-tools.ts'),
  openApi: () => import('./openapi/serve.ts'),
  orchestrate: () => import('./orchestrate/answers.ts'),
};

export function dispatch(runtime: Runtime): Room {
  const authenticate = authenticator(runtime);

  return room(runtime, ['documents', 'messages', 'objects', 'agent-light'], (router) => {
    const get = (paths: string[], answer: Answer) => router.get(paths, as('read', answer));
    const post = (path: string, answer: Answer) => router.post(path, as('dispatch', answer));

    post('/dispatch', async (caller, request, response) => {
      const { status, view, replayed } = await postDispatch(runtime, caller, await jsonBody(request));
      send(response, status, view, replayed ? { 'idempotent-replayed': 'true' } : {});
    });
    post('/submit-task', async (caller, request, response) => {
      const { answer, replayed } = await (await seldom.submit()).submitTask(runtime, caller, await jsonBody(request));
      send(response, 200, answer, replayed ? { 'idempotent-replayed': 'true' } : {});
    });
    post('/orchestrate', async (...asked) => (await seldom.orchestrate()).answerOrchestrate(runtime, ...asked));
    post('/api/v1/ssh/exec', async (...asked) => (await seldom.orchestrate()).answerSshExec(runtime, ...asked));
    get(['/jobs/:id'], async (...asked) => (await seldom.orchestrate()).answerJob(runtime, ...asked));
    get(['/mcp'], async (_caller, _request, response) => send(response, 200, (await seldom.mcp()).listServers(runtime)));
    get(['/mcp/:server/tools'], async (_caller, request, response) =>
      send(response, 200, await (await seldom.mcp()).getTools(runtime, String(request.params.server))),
    );
    get(['/task/:id'], async (caller, request, response) => send(response, 200, (await taskOf(caller, request, response)).view));
    get(['/task-status/:id'], async (caller, request, response) => {
      const { id, task, view } = await taskOf(caller, request, response);
      send(response, 200, { ...view, ...(await seldom.submit()).packetView(id, task) });
    });
    get(['/tasks'], async (caller, request, response) => send(response, 200, await listTasks(runtime, caller, queryOf(request))));
    get(['/task/:id/events'], async (caller, request, response) =>
      (await seldom.events()).streamEvents(runtime, caller, idOf(request), request, response),
    );
    post('/task/:id/cancel', async (caller, request, response) => {
      const { status, view } = await cancel(runtime, caller, idOf(request));
      send(response, status, view);
    });
    post('/task/:id/redrive', async (caller, request, response) =>
      send(response, 202, await (await seldom.redrive()).redrive(runtime, caller, idOf(request), await jsonBody(request))),
    );
    get(['/budgets'], async (caller, _request, response) =>
      send(response, 200, await (await seldom.budgets()).listBudgets(runtime, caller)),
    );
    get(['/budgets/:scope'], async (caller, request, response) =>
      send(response, 200, await (await seldom.budgets()).getBudget(runtime, caller, String(request.params.scope))),
    );
    router.put(
      '/budgets/:scope',
      as('admin', async (caller, request, response) =>
        send(
          response,
          200,
          await (await seldom.budgets()).putBudget(runtime, caller, String(request.params.scope), await jsonBody(request)),
        ),
      ),
    );
    get(['/costs'], async (caller, request, response) =>
      send(response, 200, await (await seldom.costs()).getCosts(runtime, caller, queryOf(request))),
    );
    // The key signs as well as it verifies, so reading tasks is not enough to have it.
    router.get(
      '/callbacks/key',
      as('dispatch', async (caller, request, response) => {
        send(response, 200, await (await seldom.keys()).callbackKeys(runtime, caller, queryOf(request)), {
          'cache-control': 'no-store',
        });
      }),
    );

    router.get('/openapi.json', async (_request, response) => (await seldom.openApi()).sendOpenApi(response));
    router.get('/openapi.actions.json', async (_request, response) => (await seldom.openApi()).sendActions(runtime, response));
    router.get('/docs', async (_request, response) => (await seldom.openApi()).sendDocs(response));

    router.post('/task/adopt', async (request, response) =>
      send(response, 200, await (await seldom.claims()).postAdopt(runtime, request)),
    );
    router.post('/task/:id/claim', async (request, response) =>
      send(response, 200, await (await seldom.claims()).postClaim(runtime, request, idOf(request))),
    );
    router.post('/task/:id/renew', async (request, response) =>
      send(
        response,
        200,
        await (await seldom.claims()).postRenew(runtime, idOf(request), await jsonBody(request, UNPROVEN_BODY_BYTES)),
      ),
    );
    router.post('/task/:id/check', async (request, response) =>
      send(
        response,
        200,
        await (await seldom.claims()).postCheck(runtime, idOf(request), await jsonBody(request, UNPROVEN_BODY_BYTES)),
      ),
    );
    router.post('/task-update/:id', async (request, response) => {
      const { tenant, body } = await reportOf(request);
      send(response, 200, await (await seldom.updates()).postTaskUpdate(runtime, tenant, idOf(request), body));
    });
    router.post('/callbacks/ingest', async (request, response) => {
      const { bytes, body } = await reportOf(request);
      send(
        response,
        200,
        await (await seldom.updates()).ingestCallback(runtime, body, { headers: request.headersDistinct, bytes }),
      );
    });
  });

  function taskOf(caller: Caller, request: Request, response: Response) {
    const whenGone = (run: () => void) => void response.once('close', run);
    return getTask(runtime, caller, idOf(request), queryOf(request), whenGone);
  }

  /** A report is proved by the outcome token in its body, or by a signature over it; a large one has to be by its caller, before it is read. */
  async function reportOf(request: Request): Promise<{ readonly tenant: string; readonly bytes: Buffer; readonly body: unknown }> {
    const caller = await authenticate(request, 'dispatch').catch(() => undefined);
    const isProven = caller !== undefined || (await (await seldom.claims()).isAgent(runtime, request));
    const bytes = await jsonBytes(request, isProven ? undefined : UNPROVEN_BODY_BYTES);
    return { tenant: caller?.tenant ?? 'default', bytes, body: parsedJson(bytes) };
  }

  function as(scope: Scope, answer: Answer) {
    return async (request: Request, response: Response) => answer(await authenticate(request, scope), request, response);
  }
}

type Answer = (caller: Caller, request: Request, response: Response) => Promise<void>;

const idOf = (request: Request): string => String(request.params.id);
