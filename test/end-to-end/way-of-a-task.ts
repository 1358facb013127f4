/** The ways of a task that have to be the same on every runtime, as users see them. */

import assert from 'node:assert/strict';
import { Webhook } from 'standardwebhooks';
import { until } from '../support/folder.ts';
import type { Listener } from '../support/http-listener.ts';
import type { Refusal, TestStack, View } from '../support/stack.ts';
import { claimAsCodex, push, traced } from '../support/stack-push.ts';

/**
 * The stack has the agent `remote` at 3 cents, which answers with `{status: "succeeded", result, costCents: 1}`. One with cloud
 * settings calls nobody back on this machine, and has something else before its functions that refuses forged callers.
 */
export function waysOfATask(stackOf: () => TestStack, agentOf: () => Listener, { isLocal = true } = {}): void {
  const local = isLocal ? it : () => {};
  type Row = [
    name: string,
    packet: Record<string, unknown>,
    status: string,
    code: string | undefined,
    cost: number,
    attempts: number,
  ];
  const rows: Row[] = [
    ['light', { payload: { a: 1 } }, 'succeeded', undefined, 5, 1],
    ['light, a real job', { payload: { handler: 'text.digest', url: 'data:,a%20b' } }, 'succeeded', undefined, 5, 1],
    ['codex, over HTTPS', { agent: 'codex', payload: { source: 'const a = 1;' } }, 'succeeded', undefined, 5, 1],
    ['a registered agent', { agent: 'remote' }, 'succeeded', undefined, 1, 1],
    ['over budget', { budgetCents: 4 }, 'failed', 'budget_exceeded', 0, 0],
    ['over budget, over HTTPS', { agent: 'codex', budgetCents: 4 }, 'failed', 'budget_exceeded', 0, 0],
    ['expired while queued', { ttlSeconds: 0.000_001 }, 'expired', 'ttl_expired', 0, 0],
    ['stopped at its time limit', { agent: 'codex', payload: { pauseMs: 60_000 }, ttlSeconds: 1 }, 'expired', 'ttl_expired', 5, 1],
    ['always failing', { agent: 'codex', payload: { fail: 'retry' }, maxAttempts: 3 }, 'dead', 'attempts_exhausted', 15, 3],
    ['failing for good', { agent: 'codex', payload: { fail: 'terminal' } }, 'failed', 'asked_to_fail', 5, 1],
  ];
  for (const mode of ['http', 'pubsub']) {
    for (const [name, packet, status, code, cost, attempts] of rows) {
      // In mode http the claim may come within the millisecond.
      if (mode === 'http' && attempts === 0 && status === 'expired') continue;
      it(`${name}, in mode ${mode}: ${status}${code ? ` ${code}` : ''} for ${cost} cents`, async () => {
        const { body } = await stackOf().dispatch({ mode, ...packet });
        const view = await stackOf().ended(body.id);
        assert.deepEqual([view.status, view.error?.code, view.costCents, view.attempts], [status, code, cost, attempts]);
      });
    }
  }

  local('runs at an agent that a tenant has registered, once it is switched on', async () => {
    const stack = stackOf();
    const registered = { name: 'registered', endpoint: `${agentOf().url}/registered`, priceCents: 2, enabled: false };
    assert.deepEqual((await stack.post('/register-agent', registered)).body, { status: 'success', agent_name: 'registered' });
    await until(async () => (await stack.dispatch<Refusal>({ agent: 'registered' })).body.code === 'agent_disabled', 10_000);
    const before = agentOf().received.length;
    assert.equal((await stack.post<{ enabled: boolean }>('/agents/registered/enable', {})).body.enabled, true);
    for (const mode of ['http', 'pubsub']) {
      const { body } = await stack.dispatch({ agent: 'registered', mode });
      const view = await stack.ended(body.id);
      assert.deepEqual([view.status, view.costCents, view.attempts], ['succeeded', 1, 1]);
    }
    const paths = agentOf()
      .received.slice(before)
      .map(({ path }) => path);
    assert.deepEqual(paths, ['/registered', '/registered']);
  });

  it('runs at a mock that a tenant has registered, until that is removed', async () => {
    const stack = stackOf();
    await stack.post('/register-agent', { name: 'mock 1.0', handler_type: 'mock', result: [[1], { a: 'ü' }] });
    assert.deepEqual((await stack.run({ agent: 'mock 1.0' })).result, [[1], { a: 'ü' }]);
    const listed = (await stack.get<{ agents: { name: string }[] }>('/agents')).body.agents;
    assert.ok(listed.some(({ name }) => name === 'mock 1.0'));
    assert.equal((await stack.delete('/agents/mock 1.0')).status, 200);
    await until(async () => (await stack.dispatch({ agent: 'mock 1.0' })).status === 422, 10_000);
  });

  it('makes one task and one run of 200 concurrent posts of one key', async () => {
    const before = agentOf().received.length;
    const packet = { agent: 'remote', mode: 'pubsub', payload: { rush: 1 }, idempotencyKey: 'rush' };
    const replies = await Promise.all(Array.from({ length: 200 }, () => stackOf().dispatch(packet)));
    assert.deepEqual([...new Set(replies.map(({ body }) => body.id))].length, 1);
    assert.equal(replies.filter(({ headers }) => headers.get('idempotent-replayed') === null).length, 1);
    const view = await stackOf().ended(String(replies[0]?.body.id));
    assert.deepEqual([view.attempts, view.costCents, agentOf().received.length], [1, 1, before + 1]);
    const other = await stackOf().dispatch<Refusal>({ ...packet, payload: { rush: 2 } });
    assert.deepEqual([other.status, other.body.code], [422, 'idempotency_key_reused']);
  });

  for (const agent of ['light', 'codex', 'remote']) {
    it(`adopts what is published straight to the topic, for ${agent}`, async () => {
      const traceId = `straight-${agent}`;
      await stackOf().publish('tasks', { payload: { straight: 1 } }, { agent, traceId });
      const view = await traced(stackOf(), traceId);
      assert.deepEqual([view.status, view.agent, view.attempts], ['succeeded', agent, 1]);
    });
  }

  it('quarantines what can never be processed', async () => {
    const before = (await stackOf().quarantined()).length;
    await stackOf().publish('tasks', 'no JSON', {});
    await stackOf().publish('results', { taskId: 'x' }, {});
    await until(async () => (await stackOf().quarantined()).length === before + 2, 10_000);
  });

  local('delivers one signed callback', async () => {
    const receiver = agentOf();
    const { body } = await stackOf().dispatch({ mode: 'pubsub', callbackUrl: `${receiver.url}/callback` });
    await until(() => receiver.received.some(({ path }) => path === '/callback'), 10_000);
    const [one] = receiver.received.filter(({ path }) => path === '/callback');
    const { keys } = (await stackOf().get<{ keys: string[] }>('/callbacks/key')).body;
    const told = new Webhook(String(keys[0])).verify(one?.body ?? '', one?.headers as Record<string, string>) as View;
    assert.deepEqual([told.id, told.status], [body.id, 'succeeded']);
  });

  it('carries a large payload and result by reference', async () => {
    const text = 'x'.repeat(400_000);
    const view = await stackOf().run({ payload: { text } });
    assert.equal(view.status, 'succeeded');
    assert.deepEqual(view.result, { echo: { text } });
    assert.equal((view.payload as { reference?: boolean }).reference, true);
  });

  it('cancels what waits, and what runs at its next renewal', async () => {
    const waiting = (await stackOf().dispatch({ notBefore: Date.now() / 1000 + 60 })).body;
    assert.equal((await stackOf().post(`/task/${waiting.id}/cancel`, {})).status, 200);
    const running = (await stackOf().dispatch({ agent: 'codex', mode: 'pubsub', payload: { pauseMs: 60_000 } })).body;
    await stackOf().reaches(running.id, 'running');
    assert.equal((await stackOf().post(`/task/${running.id}/cancel`, {})).status, 202);
    assert.deepEqual(
      [(await stackOf().ended(running.id)).status, (await stackOf().get(`/task/${running.id}`)).body.costCents],
      ['cancelled', 5],
    );
    assert.equal((await stackOf().post(`/task/${running.id}/cancel`, {})).status, 409);
  });

  it('runs what depends on others after them, and ends it with one that fails', async () => {
    const packet = (payload: object, dependencies: string[]) => ({ agent: 'codex', mode: 'pubsub', payload, dependencies });
    const first = (await stackOf().dispatch(packet({ pauseMs: 400 }, []))).body;
    const second = (await stackOf().dispatch(packet({ fail: 'terminal' }, [first.id]))).body;
    const third = (await stackOf().dispatch(packet({}, [first.id, second.id]))).body;
    assert.deepEqual([second.status, third.waitingFor], ['waiting', [first.id, second.id]]);
    const views = [await stackOf().ended(second.id), await stackOf().ended(third.id)];
    assert.deepEqual(
      views.map(({ error }) => error?.code),
      ['asked_to_fail', 'dependency_failed'],
    );
    assert.equal((await stackOf().run({ dependencies: [first.id] })).status, 'succeeded');
  });

  it('redrives the dead', async () => {
    const dead = await stackOf().run({ agent: 'codex', payload: { fail: 'retry' }, maxAttempts: 1 });
    assert.equal((await stackOf().post(`/task/${dead.id}/redrive`, {})).status, 202);
    assert.equal((await stackOf().ended(dead.id)).costCents, 10);
  });

  it('renews the lease of a run that outlasts it', async () => {
    const view = await stackOf().run({ agent: 'codex', ttlSeconds: 60, payload: { pauseMs: 3_500 } });
    assert.deepEqual([view.status, view.attempts, view.costCents], ['succeeded', 1, 5]);
    assert.deepEqual(
      view.timeline.map(({ event }) => event),
      ['queued', 'running', 'succeeded'],
    );
    assert.equal((await claimAsCodex(stackOf(), view.id)).body.kind, 'acknowledge');
  });

  it('tells each change as it happens', async () => {
    const { body } = await stackOf().dispatch({ agent: 'codex', mode: 'pubsub', payload: { pauseMs: 300 } });
    const { key } = stackOf().local;
    const headers: Record<string, string> = key === undefined ? {} : { 'x-api-key': key };
    const text = await (await fetch(`${stackOf().url}/task/${body.id}/events`, { headers })).text();
    assert.deepEqual(
      [...text.matchAll(/^event: (.*)$/gm)].map(([, name]) => name),
      ['queued', 'running', 'succeeded', 'end'],
    );
  });

  it('lists each task once over many pages', async () => {
    const made = await Promise.all(Array.from({ length: 40 }, () => stackOf().dispatch({ traceId: 'paged', budgetCents: 0 })));
    const found: string[] = [];
    for (let cursor = ''; ; ) {
      const { body } = await stackOf().get<{ tasks: View[]; nextCursor?: string }>(
        `/tasks?trace=paged&status=failed&limit=7${cursor}`,
      );
      found.push(...body.tasks.map(({ id }) => id));
      if (body.nextCursor === undefined) break;
      cursor = `&cursor=${body.nextCursor}`;
    }
    assert.deepEqual(found.sort(), made.map(({ body }) => body.id).sort());
  });

  it('refuses bad input', async () => {
    assert.equal((await stackOf().dispatch<Refusal>({ ttl: -1 })).body.errors?.[0]?.field, 'ttl');
    assert.equal((await stackOf().post<Refusal>('/dispatch', '{"agent":')).body.code, 'invalid_json');
    assert.equal(await push(stackOf(), 'results', '/pubsub/results', { data: 'no JSON' }), 204);
  });

  local('refuses forged callers', async () => {
    for (const [name, path] of [
      ['results', '/pubsub/results'],
      ['agent-light', '/pubsub/push'],
      ['sweeper', '/sweep'],
    ] as const) {
      const reply = await stackOf().post<Refusal>(
        `${stackOf().local.functionUrls[name]}${path}`,
        {},
        { authorization: 'Bearer a.b.c' },
      );
      assert.deepEqual([reply.status, reply.body.code], [401, 'unauthenticated']);
    }
  });
}
