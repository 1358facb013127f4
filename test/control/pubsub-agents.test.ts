import assert from 'node:assert/strict';
import { newApiKey } from '../../functions/core/authenticate.ts';
import { describeWithEmulators } from '../support/emulators.ts';
import { until } from '../support/folder.ts';
import { pubsubAgent } from '../support/pubsub-agent.ts';
import type { Refusal, TestStack, View } from '../support/stack.ts';
import { type EmbeddedTestStack, embeddedStack } from '../support/stack-embedded.ts';
import { emulatedStack } from '../support/stack-emulated.ts';
import { agentsWithTheirOwnSubscription } from './pubsub-agents.ts';

const QUICK = { 'times.agentsCacheMs': 200, 'times.switchesMs': 200 };

describe('a registered agent with a subscription of its own', function () {
  this.timeout(40_000);
  let stack: EmbeddedTestStack;
  before(async () => {
    stack = await embeddedStack(QUICK);
  });
  after(() => stack.stop());
  agentsWithTheirOwnSubscription(() => stack);

  const bad: [name: string, body: object, code: string, field: string][] = [
    ['no endpoint', { email: 'a@b.example' }, 'invalid_fields', 'endpoint'],
    ['an endpoint that is no address', { endpoint: 'http://', claims: false }, 'invalid_fields', 'endpoint'],
    ['neither an account nor claims: false', { endpoint: 'http://127.0.0.1:9/' }, 'invalid_fields', 'email'],
    [
      'an account that it does not need',
      { endpoint: 'http://127.0.0.1:9/', claims: false, email: 'a@b.example' },
      'invalid_fields',
      'email',
    ],
    [
      'a time limit beside the ttl',
      { endpoint: 'http://127.0.0.1:9/', claims: false, timeLimitSeconds: 5 },
      'invalid_fields',
      'timeLimitSeconds',
    ],
    [
      'claims of another type',
      { endpoint: 'http://127.0.0.1:9/', handler_type: 'http', claims: false },
      'invalid_fields',
      'claims',
    ],
    ['a private address', { endpoint: 'https://10.0.0.1/push', claims: false }, 'egress_denied', 'endpoint'],
    ['plain http to others', { endpoint: 'http://93.184.216.34/push', claims: false }, 'egress_denied', 'endpoint'],
  ];
  for (const [name, body, code, field] of bad) {
    it(`is not registered with ${name}`, async () => {
      const reply = await stack.post<Refusal>('/register-agent', { name: 'bad', handler_type: 'pubsub', ...body });
      assert.deepEqual([reply.status, reply.body.code], [422, code], JSON.stringify(reply.body));
      assert.deepEqual(
        reply.body.errors?.map((one) => one.field),
        [field],
      );
    });
  }

  it('is none of our own functions, and its pushes would get into none', async () => {
    for (const url of Object.values(stack.local.functionUrls)) {
      const body = { name: 'bad', handler_type: 'pubsub', endpoint: `${url}/pubsub/push`, claims: false };
      assert.equal((await stack.post<Refusal>('/register-agent', body)).status, 422, url);
    }
    for (const [path, name] of [
      ['/pubsub/push', 'agent-light'],
      ['/pubsub/results', 'results'],
      ['/sweep', 'sweeper'],
    ] as const) {
      const url = stack.local.functionUrls[name] as string;
      const email = `heliograph-push-agents@${stack.settings.project}.iam.gserviceaccount.com`;
      const token = await stack.local.issuer.token({ email, audience: url });
      const reply = await stack.post<Refusal>(`${url}${path}`, {}, { authorization: `Bearer ${token}` });
      assert.deepEqual([reply.status, reply.body.code], [401, 'unauthenticated'], name);
    }
  });

  it('shows what it is', async () => {
    await stack.post('/register-agent', {
      name: 'seen',
      handler_type: 'pubsub',
      endpoint: 'http://127.0.0.1:9/p',
      email: 'a@b.example',
    });
    const { body } = await stack.get('/agents/seen');
    assert.deepEqual(
      [body.handler_type, body.endpoint, body.claims, body.email, body.timeLimitSeconds],
      ['pubsub', 'http://127.0.0.1:9/p', true, 'a@b.example', 540],
    );
    await stack.delete('/agents/seen');
  });
});

describe('what is handed over to an agent that does not claim', function () {
  this.timeout(40_000);
  const NAME = 'handed';

  it('is sent again, as the same attempt, where its message did not get out', async () => {
    const stack = await embeddedStack(QUICK);
    const agent = await pubsubAgent(stack);
    await stack.post('/register-agent', { name: NAME, handler_type: 'pubsub', endpoint: agent.url, claims: false, priceCents: 1 });
    let failures = 0;
    stack.fate = (topic, from) => (topic === 'tasks' && from === 'dispatch' && failures++ === 0 ? 'failed' : 'out');
    const { body } = await stack.dispatch({ agent: NAME, mode: 'pubsub' });
    await until(() => agent.pushed.length > 0, 15_000);
    const { run } = agent.pushed[0] as (typeof agent.pushed)[number];
    assert.deepEqual([run.taskId, run.epoch, run.attempt, failures, body.status], [body.id, 1, 1, 1, 'running']);
    await stack.post(`/task-update/${body.id}`, { epoch: 1, outcomeToken: run.outcomeToken, outcome: { status: 'succeeded' } });
    const view = await stack.ended(body.id);
    assert.deepEqual([view.status, view.attempts, view.costCents], ['succeeded', 1, 1]);
    await stack.stop();
    await agent.close();
  });

  it('costs three writes, as every task does', async () => {
    const stack = await embeddedStack({ ...QUICK, 'times.sweepMs': 60_000 });
    const agent = await pubsubAgent(stack);
    await stack.post('/register-agent', { name: NAME, handler_type: 'pubsub', endpoint: agent.url, claims: false, priceCents: 1 });
    const handed = async () => {
      const pushed = agent.pushed.length;
      await stack.dispatch({ agent: NAME, mode: 'pubsub' });
      await until(() => agent.pushed.length > pushed, 10_000);
      const { taskId, epoch, outcomeToken } = (agent.pushed.at(-1) as (typeof agent.pushed)[number]).run;
      await stack.post(`/task-update/${taskId}`, { epoch, outcomeToken, outcome: { status: 'failed' } });
      await stack.ended(taskId);
    };
    await handed();
    const { writes } = stack.counts;
    await handed();
    assert.equal(stack.counts.writes - writes, 3);
    await stack.stop();
    await agent.close();
  });

  it('reaches the agent of its own tenant alone, whatever others call theirs', async () => {
    const stack = await embeddedStack({ ...QUICK, auth: 'required' });
    const [ours, theirs] = [await pubsubAgent(stack), await pubsubAgent(stack)];
    const keyOf = async (tenant: string) => {
      const random = (bytes: number) => Buffer.from(crypto.getRandomValues(new Uint8Array(bytes))).toString('hex');
      const { key, id, record } = newApiKey(random, { tenant, scopes: ['admin'], createdAt: Date.now() });
      await stack.control.commit([{ kind: 'create', collection: 'keys', id, data: { ...record } }]);
      return { authorization: `Bearer ${key}` };
    };
    const tenants = [
      { key: await keyOf('acme'), agent: ours },
      { key: await keyOf('other'), agent: theirs },
    ];
    for (const { key, agent } of tenants) {
      const body = { name: NAME, handler_type: 'pubsub', endpoint: agent.url, claims: false, priceCents: 1 };
      assert.equal((await stack.post('/register-agent', body, key)).status, 200);
    }
    for (const { key, agent } of tenants) {
      const { body } = await stack.dispatch<View>({ agent: NAME, mode: 'pubsub' }, key);
      await until(() => agent.pushed.some(({ run }) => run.taskId === body.id), 10_000);
    }
    assert.deepEqual([ours.pushed.length, theirs.pushed.length], [1, 1]);
    await stack.stop();
    await Promise.all([ours.close(), theirs.close()]);
  });

  it('is not handed over while its agent is off', async () => {
    const stack = await embeddedStack(QUICK);
    const agent = await pubsubAgent(stack);
    await stack.post('/register-agent', { name: NAME, handler_type: 'pubsub', endpoint: agent.url, claims: false, priceCents: 1 });
    const { body } = await stack.dispatch({ agent: NAME, mode: 'pubsub', notBefore: Date.now() / 1000 + 2 });
    await stack.post(`/agents/${NAME}/disable`, {});
    const view = await stack.ended(body.id);
    assert.deepEqual([view.status, view.error?.code, agent.pushed.length], ['dead', 'agent_disabled', 0]);
    await stack.stop();
    await agent.close();
  });
});

describe('the registration of an agent and its subscription', function () {
  this.timeout(30_000);
  const registration = (endpoint: string) => ({ name: 'halved', handler_type: 'pubsub', endpoint, claims: false, priceCents: 1 });

  /** A stack whose control crashes at a place: everything that it asks of that port fails from then on. */
  async function failing() {
    const broken = { ensure: false, remove: false, commit: false, before: async (_endpoint: string) => {} };
    const fail = async (): Promise<never> => {
      throw new Error('The test lets this fail.');
    };
    const stack = await embeddedStack(QUICK, (runtime) =>
      runtime.name !== 'control'
        ? runtime
        : {
            ...runtime,
            control: { ...runtime.control, commit: (writes) => (broken.commit ? fail() : runtime.control.commit(writes)) },
            subscriptions: {
              async ensure(name, row) {
                await broken.before(row.endpoint);
                return broken.ensure ? fail() : runtime.subscriptions.ensure(name, row);
              },
              remove: (name) => (broken.remove ? fail() : runtime.subscriptions.remove(name)),
            },
          },
    );
    return { stack, broken, agent: await pubsubAgent(stack) };
  }
  const isThere = (stack: TestStack) => Object.keys(stack.local.counters()).some((name) => name.startsWith('agent-'));

  it('are mended by a repeat, wherever the first try ended', async () => {
    const { stack, broken, agent } = await failing();
    const register = () => stack.post('/register-agent', registration(agent.url));
    const works = async () => {
      const before = agent.pushed.length;
      await stack.dispatch({ agent: 'halved', mode: 'pubsub' });
      await until(() => agent.pushed.length > before, 5_000);
    };
    broken.ensure = true;
    assert.equal((await register()).status, 500);
    assert.equal((await stack.get('/agents/halved')).status, 404, 'the registry names an agent that nothing can reach');
    broken.ensure = false;
    broken.commit = true;
    assert.equal((await register()).status, 500);
    assert.equal((await stack.get('/agents/halved')).status, 404);
    broken.commit = false;
    assert.equal((await register()).status, 200);
    await works();

    broken.remove = true;
    assert.equal((await stack.delete('/agents/halved')).status, 500);
    assert.deepEqual([(await stack.get('/agents/halved')).status, isThere(stack)], [404, true]);
    broken.remove = false;
    assert.equal((await stack.delete('/agents/halved')).status, 404);
    assert.equal(isThere(stack), false);

    assert.equal((await register()).status, 200);
    await works();
    broken.remove = true;
    const mock = { name: 'halved', handler_type: 'mock' };
    assert.equal((await stack.post('/register-agent', mock)).status, 500);
    broken.remove = false;
    assert.equal((await stack.post('/register-agent', mock)).status, 200);
    assert.equal(isThere(stack), false);
    await stack.stop();
    await agent.close();
  });

  it('agree when another registration comes between the two', async () => {
    const { stack, broken, agent } = await failing();
    const other = await pubsubAgent(stack);
    const gate = Promise.withResolvers<void>();
    let times = 0;
    broken.before = async (endpoint) => {
      if (endpoint === agent.url && ++times === 2) await gate.promise;
    };
    const slow = stack.post('/register-agent', registration(agent.url));
    await until(() => times === 2, 5_000);
    assert.equal((await stack.post('/register-agent', registration(other.url))).status, 200);
    gate.resolve();
    assert.equal((await slow).status, 200);
    assert.equal((await stack.get<{ endpoint: string }>('/agents/halved')).body.endpoint, other.url);
    const { body } = await stack.dispatch({ agent: 'halved', mode: 'pubsub' });
    await until(() => [agent, other].some(({ pushed }) => pushed.some(({ run }) => run.taskId === body.id)), 5_000);
    assert.deepEqual([agent.pushed.length, other.pushed.length], [0, 1]);
    await stack.stop();
    await Promise.all([agent.close(), other.close()]);
  });
});

describeWithEmulators("a registered agent with a subscription of its own, on Google's emulators", function () {
  this.timeout(60_000);
  let stack: TestStack;
  before(async function () {
    this.timeout(90_000);
    stack = await emulatedStack(QUICK);
    await stack.run({});
  });
  after(() => stack?.stop());
  agentsWithTheirOwnSubscription(() => stack);
});
