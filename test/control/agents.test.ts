import assert from 'node:assert/strict';
import { httpListener, type Listener } from '../support/http-listener.ts';
import type { Refusal, Reply } from '../support/stack.ts';
import { type EmbeddedTestStack, embeddedStack } from '../support/stack-embedded.ts';

interface AgentView {
  readonly name: string;
  readonly handler_type: string;
  readonly source: string;
  readonly endpoint?: string;
  readonly priceCents: number;
  readonly enabled: boolean;
  readonly capabilities: readonly string[];
  readonly lastSeenAt?: string;
  readonly createdAt?: string;
  readonly [field: string]: unknown;
}
type Done = { readonly status: string; readonly agent_name: string };

describe('the registry of agents', function () {
  this.timeout(30_000);
  let stack: EmbeddedTestStack;
  let agent: Listener;
  before(async () => {
    agent = await httpListener(({ body }) => ({
      status: 200,
      body: { status: 'succeeded', result: JSON.parse(body).payload, costCents: 1 },
    }));
    stack = await embeddedStack({
      // No sweep writes while writes are counted.
      'times.sweepMs': 600_000,
      agents: [{ name: 'operators', endpoint: `${agent.url}/operators`, priceCents: 3 }],
    });
  });
  after(async () => {
    await stack.stop();
    await agent.close();
  });

  const register = <T = Done>(body: object): Promise<Reply<T>> => stack.post<T>('/register-agent', body);
  const shown = async (name: string): Promise<AgentView> =>
    (await stack.get<AgentView>(`/agents/${encodeURIComponent(name)}`)).body;

  it('takes what the gateway before it took, and answers alike', async () => {
    const { status, body } = await register({ name: 'code-analyzer', endpoint: `${agent.url}/run` });
    assert.deepEqual([status, body], [200, { status: 'success', agent_name: 'code-analyzer' }]);
    const typed = await register({ name: 'Echo Agent_1.0', endpoint: `${agent.url}/run`, handler_type: 'http' });
    assert.deepEqual([typed.status, typed.body.agent_name], [200, 'Echo Agent_1.0']);
  });

  describe('an agent of the type http', () => {
    before(() => register({ name: 'mine', endpoint: `${agent.url}/run`, priceCents: 2, capabilities: ['review'] }));

    for (const mode of ['http', 'pubsub']) {
      it(`is sent its tasks by the kit's protocol, in mode ${mode}, and its cost counts`, async () => {
        const before = agent.received.length;
        const { body } = await stack.dispatch({ agent: 'mine', mode, payload: { mode, handler: 'its own' } });
        const view = await stack.ended(body.id);
        assert.deepEqual([view.status, view.result, view.costCents], ['succeeded', { mode, handler: 'its own' }, 1]);
        const [call] = agent.received.slice(before);
        const run = JSON.parse(call?.body ?? '{}');
        assert.deepEqual([call?.path, run.taskId, run.agent, run.attempt], ['/run', body.id, 'mine', 1]);
        assert.match(String(call?.headers.authorization), /^Bearer [\w-]+\.[\w-]+\.[\w-]+$/);
        assert.equal(call?.headers['idempotency-key'], body.id);
      });
    }

    it('may answer with any other JSON, which is the result, at its price', async () => {
      await register({ name: 'plain', endpoint: `${agent.url}/plain`, priceCents: 2 });
      agent.answer = () => ({ status: 200, body: ['just', 'this'] });
      const view = await stack.run({ agent: 'plain' });
      agent.answer = ({ body }) => ({ status: 200, body: { status: 'succeeded', result: JSON.parse(body).payload, costCents: 1 } });
      assert.deepEqual([view.status, view.result, view.costCents], ['succeeded', ['just', 'this'], 2]);
    });

    it('is found by what is published straight to the topic', async () => {
      await stack.publish('tasks', { payload: { straight: 1 }, traceId: 'straight' }, { agent: 'mine' });
      await stack.reaches((await taskOf('straight')).id, 'succeeded');
    });

    it('may have a budget of the day', async () => {
      assert.equal((await stack.put('/budgets/agent:mine', { limitCents: 1_000 })).status, 200);
      assert.equal((await stack.put('/budgets/agent:nobody', { limitCents: 1_000 })).status, 404);
    });

    it('that nobody listens for is unreachable, which is tried again', async () => {
      const gone = await httpListener();
      await gone.close();
      await register({ name: 'gone', endpoint: gone.url });
      const view = await stack.run({ agent: 'gone', maxAttempts: 2 });
      assert.deepEqual([view.status, view.error?.code, view.attempts], ['dead', 'attempts_exhausted', 2]);
      assert.match(String(view.error?.message), /agent_unreachable/);
    });
  });

  async function taskOf(traceId: string): Promise<{ id: string }> {
    for (;;) {
      const { body } = await stack.get<{ tasks: { id: string }[] }>(`/tasks?traceId=${traceId}`);
      if (body.tasks[0] !== undefined) return body.tasks[0];
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  it('has agents of the type mock: the same result at once, for nothing, or else the payload', async () => {
    await register({ name: 'always', handler_type: 'mock', result: { verdict: 'ok', n: [[1]] } });
    await register({ name: 'parrot', handler_type: 'mock', endpoint: 'anything' });
    const always = await stack.run({ agent: 'always', payload: { a: 1 } });
    assert.deepEqual([always.status, always.result, always.costCents], ['succeeded', { verdict: 'ok', n: [[1]] }, 0]);
    assert.deepEqual((await stack.run({ agent: 'parrot', payload: { a: 1 } })).result, { echo: { a: 1 } });
    await register({ name: 'never', handler_type: 'mock', result: null });
    assert.equal((await stack.run({ agent: 'never' })).result, null);
  });

  it('has agents of the type builtin: one handler of the built-in agent, under another name and price', async () => {
    await register({ name: 'digest', handler_type: 'builtin', endpoint: 'text.digest', priceCents: 1 });
    const view = await stack.run({ agent: 'digest', payload: { url: 'data:,a%20b' } });
    assert.deepEqual([view.status, (view.result as { words: number }).words, view.costCents], ['succeeded', 2, 1]);
  });

  it('puts one in the place of another of the same name', async () => {
    await register({ name: 'twice', handler_type: 'mock', result: 1, priceCents: 7, capabilities: ['old'] });
    const before = await shown('twice');
    await register({ name: 'twice', handler_type: 'mock', result: 2 });
    const after = await shown('twice');
    assert.deepEqual([after.result, after.priceCents, after.capabilities], [2, 0, []]);
    assert.equal(after.createdAt, before.createdAt);
    assert.equal((await stack.run({ agent: 'twice' })).result, 2);
  });

  it('keeps no agent from being dispatched to at once: absence is never remembered', async () => {
    const missing = await stack.dispatch<Refusal>({ agent: 'soon' });
    assert.deepEqual([missing.status, missing.body.code], [422, 'agent_not_found']);
    assert.match(missing.body.detail, /^Agent soon not found/);
    await register({ name: 'soon', handler_type: 'mock' });
    assert.equal((await stack.dispatch({ agent: 'soon' })).status, 200);
  });

  const bad: [name: string, body: unknown, status: number, code: string, field?: string][] = [
    ['no name', { endpoint: 'http://127.0.0.1:9/' }, 422, 'invalid_fields', 'name'],
    ['no endpoint', { name: 'x' }, 422, 'invalid_fields', 'endpoint'],
    ['no endpoint for builtin', { name: 'x', handler_type: 'builtin' }, 422, 'invalid_fields', 'endpoint'],
    [
      'an unknown type',
      { name: 'x', endpoint: 'http://127.0.0.1:9/', handler_type: 'carrier-pigeon' },
      422,
      'invalid_fields',
      'handler_type',
    ],
    ['an unknown field', { name: 'x', handler_type: 'mock', color: 1 }, 422, 'invalid_fields', 'color'],
    ['a name that is a path', { name: '../x', handler_type: 'mock' }, 422, 'invalid_fields', 'name'],
    ['a name that is too long', { name: 'x'.repeat(64), handler_type: 'mock' }, 422, 'invalid_fields', 'name'],
    ['an endpoint that is no address', { name: 'x', endpoint: 'ftp://a.example/' }, 422, 'invalid_fields', 'endpoint'],
    [
      'a handler that is not built in',
      { name: 'x', handler_type: 'builtin', endpoint: 'toString' },
      422,
      'invalid_fields',
      'endpoint',
    ],
    ['a result of its own', { name: 'x', endpoint: 'http://127.0.0.1:9/', result: 1 }, 422, 'invalid_fields', 'result'],
    [
      'a result that is too large',
      { name: 'x', handler_type: 'mock', result: 'x'.repeat(20_000) },
      422,
      'invalid_fields',
      'result',
    ],
    ['a negative price', { name: 'x', handler_type: 'mock', priceCents: -1 }, 422, 'invalid_fields', 'priceCents'],
    [
      'a run of more than 540 s',
      { name: 'x', handler_type: 'mock', timeLimitSeconds: 541 },
      422,
      'invalid_fields',
      'timeLimitSeconds',
    ],
    ['a private address', { name: 'x', endpoint: 'https://10.0.0.1/run' }, 422, 'egress_denied', 'endpoint'],
    ['a metadata server', { name: 'x', endpoint: 'http://metadata.google.internal/' }, 422, 'egress_denied', 'endpoint'],
    ['plain http to others', { name: 'x', endpoint: 'http://93.184.216.34/run' }, 422, 'egress_denied', 'endpoint'],
    ['a built-in name', { name: 'light', handler_type: 'mock' }, 409, 'agent_reserved'],
    ['a name with a subscription', { name: 'codex', handler_type: 'mock' }, 409, 'agent_reserved'],
    ['a name of the settings', { name: 'operators', handler_type: 'mock' }, 409, 'agent_reserved'],
    ['no object', [], 422, 'invalid_fields'],
    ['no JSON', '{"name":', 400, 'invalid_json'],
  ];
  for (const [name, body, status, code, field] of bad) {
    it(`refuses ${name}, and changes nothing`, async () => {
      const { writes } = stack.counts;
      const reply = await stack.post<Refusal>('/register-agent', body);
      assert.deepEqual([reply.status, reply.body.code], [status, code], JSON.stringify(reply.body));
      if (field !== undefined)
        assert.deepEqual(
          reply.body.errors?.map((one) => one.field),
          [field],
        );
      assert.equal(stack.counts.writes, writes);
    });
  }

  it('refuses the addresses of Heliograph itself, which trust its own identity', async () => {
    for (const [name, url] of Object.entries(stack.local.functionUrls)) {
      const reply = await register<Refusal>({ name: 'x', endpoint: `${url}/run` });
      assert.deepEqual([reply.status, reply.body.errors?.[0]?.code], [422, 'egress_denied'], name);
    }
    const deployed = await register<Refusal>({
      name: 'x',
      endpoint: 'https://heliograph-dispatch-0.us-central1.run.app/task/adopt',
    });
    assert.equal(deployed.status, 422);
  });

  it('lists everybody’s agents and then its own, newest first, each once over many pages', async () => {
    for (let n = 0; n < 7; n++) await register({ name: `listed-${n}`, handler_type: 'mock' });
    const all = (await stack.get<{ agents: AgentView[] }>('/agents?limit=200')).body.agents;
    assert.deepEqual(
      all.slice(0, 3).map(({ name, source }) => [name, source]),
      [
        ['codex', 'built-in'],
        ['light', 'built-in'],
        ['operators', 'settings'],
      ],
    );
    assert.equal(all[2]?.endpoint, undefined, 'an operator’s address is shown to tenants');
    assert.deepEqual(
      all.slice(3, 10).map(({ name }) => name),
      [6, 5, 4, 3, 2, 1, 0].map((n) => `listed-${n}`),
    );
    for (const limit of [1, 2, 3, 5]) {
      const paged: string[] = [];
      for (let cursor = ''; ; ) {
        const { body } = await stack.get<{ agents: AgentView[]; nextCursor?: string }>(`/agents?limit=${limit}${cursor}`);
        assert.ok(body.agents.length <= limit);
        paged.push(...body.agents.map(({ name }) => name));
        if (body.nextCursor === undefined) break;
        cursor = `&cursor=${body.nextCursor}`;
      }
      assert.deepEqual(
        paged,
        all.map(({ name }) => name),
        `${limit} at a time`,
      );
    }
    assert.deepEqual((await stack.get('/agents?limit=0')).body, { agents: [] });
    assert.equal((await stack.get('/agents?limit=201')).status, 422);
    assert.equal((await stack.get('/agents?cursor=x')).status, 422);
  });

  it('lists those alone that were registered with a capability, however many have another', async () => {
    const names = Array.from({ length: 7 }, (_, n) => `able-${n}`);
    for (const [n, name] of names.entries()) {
      await register({ name, handler_type: 'mock', capabilities: n % 3 === 0 ? ['review', 'test'] : ['test'] });
    }
    const paged: string[] = [];
    for (let cursor = ''; ; ) {
      const { body } = await stack.get<{ agents: AgentView[]; nextCursor?: string }>(`/agents?capability=review&limit=2${cursor}`);
      paged.push(...body.agents.map(({ name }) => name));
      if (body.nextCursor === undefined) break;
      cursor = `&cursor=${body.nextCursor}`;
    }
    assert.deepEqual(paged, ['able-6', 'able-3', 'able-0']);
    assert.deepEqual((await stack.get('/agents?capability=nothing')).body, { agents: [] });
    assert.equal((await stack.get('/agents?capability=')).status, 422);
  });

  it('notes when an agent was last seen, and tells it whether it is on', async () => {
    await register({ name: 'alive', handler_type: 'mock' });
    assert.equal((await shown('alive')).lastSeenAt, undefined);
    const beat = await stack.post<{ enabled: boolean; lastSeenAt: string }>('/agents/alive/heartbeat', {});
    assert.deepEqual([beat.status, beat.body.enabled], [200, true]);
    assert.equal((await shown('alive')).lastSeenAt, beat.body.lastSeenAt);
    assert.ok(Math.abs(Date.parse(beat.body.lastSeenAt) - Date.now()) < 5_000);
    const { writes } = stack.counts;
    await Promise.all(Array.from({ length: 20 }, () => stack.post('/agents/alive/heartbeat', {})));
    assert.equal(stack.counts.writes, writes, 'a heartbeat a moment later is written again');
    await stack.post('/agents/alive/disable', {});
    assert.equal((await stack.post<{ enabled: boolean }>('/agents/alive/heartbeat', {})).body.enabled, false);
    assert.equal((await stack.post<Refusal>('/agents/nobody/heartbeat', {})).body.code, 'agent_not_found');
  });

  it('answers 404 for agents that there are not, and 409 for the removal of what is everybody’s', async () => {
    for (const name of ['nobody', '__proto__', 'constructor', '..%2F', 'a%2Fb', '%00']) {
      assert.equal((await stack.get<Refusal>(`/agents/${name}`)).body.code, 'agent_not_found', name);
      assert.equal((await stack.delete<Refusal>(`/agents/${name}`)).body.code, 'agent_not_found', name);
      assert.equal((await stack.post<Refusal>(`/agents/${name}/disable`, {})).body.code, 'agent_not_found', name);
    }
    assert.deepEqual((await stack.delete<Refusal>('/agents/light')).body.code, 'agent_reserved');
  });
});
