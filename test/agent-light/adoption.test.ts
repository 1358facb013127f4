import assert from 'node:assert/strict';
import { setTimeout as pause } from 'node:timers/promises';
import { accountEmail } from '../../functions/core/addresses.ts';
import { until } from '../support/folder.ts';
import { httpListener, type Listener } from '../support/http-listener.ts';
import type { View } from '../support/stack.ts';
import { type EmbeddedTestStack, embeddedStack } from '../support/stack-embedded.ts';
import { push, pushRaw, traced } from '../support/stack-push.ts';

describe('messages published straight to tasks', function () {
  this.timeout(20_000);
  let stack: EmbeddedTestStack;
  let agent: Listener;
  let names = 0;
  const unique = () => `adopted-${++names}`;

  before(async () => {
    agent = await httpListener(() => ({ status: 200, body: { relayed: true } }));
    stack = await embeddedStack({ agents: [{ name: 'remote', endpoint: `${agent.url}/run`, priceCents: 3 }] });
  });
  after(async () => {
    await stack.stop();
    await agent.close();
  });

  const events = ({ timeline }: View) => timeline.map(({ event }) => event);

  type Row = [name: string, data: object, attributes: Record<string, string>, wanted: Record<string, unknown>];
  const rows: Row[] = [
    [
      'a bare payload is for light',
      { msg: 'hi' },
      {},
      { agent: 'light', status: 'succeeded', payload: { msg: 'hi' }, costCents: 5 },
    ],
    [
      'a full run object',
      { payload: { n: 1 }, ttl: 60, budgetCents: 10, idempotencyKey: 'full' },
      {},
      { agent: 'light', status: 'succeeded', payload: { n: 1 }, budgetCents: 10, idempotencyKey: 'full' },
    ],
    ['the agent of the attribute', { payload: { n: 2 } }, { agent: 'codex' }, { agent: 'codex', status: 'succeeded', attempts: 1 }],
    [
      'a registered agent',
      { payload: {} },
      { agent: 'remote' },
      { agent: 'remote', status: 'succeeded', result: { relayed: true }, costCents: 3 },
    ],
    [
      'the agent of the body, whatever the attributes lead to',
      { agent: 'codex', payload: { n: 3 } },
      {},
      { agent: 'codex', status: 'succeeded', attempts: 1 },
    ],
    ['over budget', { payload: {}, budgetCents: 1 }, {}, { status: 'failed', attempts: 0, costCents: 0 }],
    [
      'failing and tried again',
      { payload: { fail: 'retry' }, maxAttempts: 3 },
      { agent: 'codex' },
      { status: 'dead', attempts: 3, costCents: 15 },
    ],
    [
      'failing for more attempts than deliveries',
      { payload: { fail: 'retry' }, maxAttempts: 7 },
      { agent: 'codex' },
      { status: 'dead', attempts: 7, costCents: 35 },
    ],
  ];
  it('counts the time limit from now where the publishing time lies ahead', async () => {
    const now = Date.now();
    for (const [days, seconds] of [
      [1, 60],
      [300_000, 900],
    ] as const) {
      const traceId = unique();
      const data = seconds === 900 ? { payload: {}, traceId } : { payload: {}, traceId, ttl: seconds };
      const publishTime = new Date(now + days * 86_400_000).toISOString();
      assert.equal(await push(stack, 'agent-light', '/pubsub/push', { data, publishTime }), 204);
      const { ttl } = await traced(stack, traceId);
      assert.ok(Math.abs(ttl - now / 1000 - seconds) < 10, `${ttl}`);
    }
  });

  for (const [name, data, attributes, wanted] of rows) {
    it(`become tasks: ${name}`, async () => {
      const traceId = unique();
      await stack.publish('tasks', data, { traceId, ...attributes });
      const view = await traced(stack, traceId);
      for (const [field, value] of Object.entries(wanted))
        assert.deepEqual(view[field], value, `${field} of ${JSON.stringify(view)}`);
      await pause(50);
      assert.deepEqual(await traced(stack, traceId), view);
    });
  }

  it('are relayed with what kind of work they are', async () => {
    const [traceId, work] = [unique(), { module_name: 'shop', task_type: 'verification' }];
    await stack.publish('tasks', { payload: {}, work }, { agent: 'remote', traceId });
    assert.deepEqual((await traced(stack, traceId)).work, work);
    const run = agent.received.map(({ body }) => JSON.parse(body)).find((sent) => sent.traceId === traceId);
    assert.deepEqual(run?.work, work);
  });

  it('wait for their time', async () => {
    const traceId = unique();
    await stack.publish('tasks', { payload: { n: 4 }, notBefore: Date.now() / 1000 + 1.5, ttl: 60 }, { traceId });
    assert.deepEqual(events(await traced(stack, traceId)), ['waiting', 'queued', 'running', 'succeeded']);
  });

  it('are created already running: one write less', async () => {
    const traceId = unique();
    await stack.publish('tasks', { msg: 1 }, { traceId });
    assert.deepEqual(events(await traced(stack, traceId)), ['queued', 'running', 'succeeded']);
  });

  for (const agentName of ['light', 'codex', 'remote']) {
    it(`run once for one idempotency key, from body or attribute: ${agentName}`, async () => {
      const [traceId, key] = [unique(), unique()];
      const attributes = { agent: agentName, traceId };
      await Promise.all([
        stack.publish('tasks', { payload: { k: 1 } }, { ...attributes, idempotencyKey: key }),
        stack.publish('tasks', { payload: { k: 1 }, idempotencyKey: key }, attributes),
        stack.publish('tasks', { k: 1 }, { ...attributes, idempotencyKey: key }),
      ]);
      const view = await traced(stack, traceId);
      await pause(100);
      assert.deepEqual([view.status, view.attempts, (await stack.ended(view.id)).attempts], ['succeeded', 1, 1]);
      const same = await stack.dispatch({ agent: agentName, payload: { k: 1 }, idempotencyKey: key });
      assert.deepEqual([same.body.id, same.headers.get('idempotent-replayed')], [view.id, 'true']);
    });
  }

  it('run once when Pub/Sub delivers one message several times, at once or one after the other', async () => {
    const before = agent.received.length;
    const traceId = unique();
    const message = { data: { payload: { m: 1 } }, attributes: { agent: 'remote', traceId }, messageId: unique() };
    const statuses = await Promise.all(Array.from({ length: 20 }, () => push(stack, 'agent-light', '/pubsub/push', message)));
    statuses.push(await push(stack, 'agent-light', '/pubsub/push', message));
    assert.deepEqual([...new Set(statuses)], [204]);
    assert.equal((await traced(stack, traceId)).attempts, 1);
    assert.equal(agent.received.length, before + 1);
  });

  it('are two tasks when two messages are alike', async () => {
    const before = agent.received.length;
    for (let n = 0; n < 2; n++)
      await push(stack, 'agent-light', '/pubsub/push', { data: {}, attributes: { agent: 'remote' }, messageId: unique() });
    await until(() => agent.received.length === before + 2);
  });

  const past = Date.now() / 1000 - 60;
  const flawed: [name: string, data: unknown, attributes: Record<string, string>, code: string][] = [
    ['text that is no JSON', 'hello', {}, 'invalid_json'],
    ['nothing', '', {}, 'invalid_json'],
    ['a number', 5, {}, 'invalid_fields'],
    ['null', null, {}, 'invalid_fields'],
    ['a list', [1], {}, 'invalid_fields'],
    ['a payload that is no object', { payload: 5 }, {}, 'invalid_fields'],
    ['a ttl in the past', { payload: {}, ttl: past }, {}, 'invalid_fields'],
    ['a negative budget', { payload: {}, budgetCents: -1 }, {}, 'invalid_fields'],
    ['an unknown field', { payload: {}, colour: 'red' }, {}, 'invalid_fields'],
    ['an unknown agent', { payload: {} }, { agent: 'nobody' }, 'agent_not_found'],
    ['an unknown agent in the body', { payload: {}, agent: 'nobody' }, {}, 'agent_not_found'],
    ['a callback to a private address', { payload: {}, callbackUrl: 'https://10.0.0.1/' }, {}, 'egress_denied'],
    ['an unknown task', { taskId: 'no-such-task', payload: {} }, {}, 'unknown_task'],
    ['a task id that is no text', { taskId: 5, payload: {} }, {}, 'unknown_task'],
    ['a key of another payload', { payload: { other: 1 }, idempotencyKey: 'full' }, {}, 'idempotency_key_reused'],
  ];
  for (const [name, data, attributes, code] of flawed) {
    it(`are quarantined with the reason and acknowledged: ${name}`, async () => {
      const messageId = unique();
      assert.equal(await push(stack, 'agent-light', '/pubsub/push', { data, attributes, messageId }), 204);
      assert.equal(await push(stack, 'agent-light', '/pubsub/push', { data, attributes, messageId }), 204);
      const kept = (await stack.quarantined()).filter((document) => document.data.messageId === messageId);
      assert.deepEqual(
        kept.map((document) => document.data.code),
        [code],
      );
      const [document] = kept;
      assert.ok(String(document?.data.reason).length > 5);
      const text = typeof data === 'string' ? data : JSON.stringify(data);
      assert.equal(Buffer.from(String(document?.data.data), 'base64').toString(), text);
    });
  }

  const envelopes: [string, unknown][] = [
    ['data that is no base64', { message: { data: '***', messageId: 'e1' } }],
    ['data whose base64 is cut off', { message: { data: 'eyJ', messageId: 'e2' } }],
    ['no message', { subscription: 's' }],
    ['a message without an id', { message: { data: 'e30=' } }],
    ['a list', []],
    ['text', '"hi"'],
    ['no JSON', '{"message":'],
  ];
  for (const [name, envelope] of envelopes) {
    it(`in an envelope that is broken are quarantined: ${name}`, async () => {
      const before = (await stack.quarantined()).length;
      assert.equal(await pushRaw(stack, 'agent-light', '/pubsub/push', envelope), 204);
      const kept = await stack.quarantined();
      // What has neither an id nor data cannot be told apart, and is kept once.
      assert.ok(kept.length === before + 1 || kept.some(({ data }) => data.messageId === '' && data.data === ''));
      assert.ok(kept.some(({ data }) => data.code === 'invalid_envelope'));
    });
  }

  it('that codex cannot take end in quarantine too, by way of the dead letters', async () => {
    const before = (await stack.quarantined()).length;
    await stack.publish('tasks', 'no JSON', { agent: 'codex', direct: '1' });
    await stack.publish('tasks', { payload: 5 }, { agent: 'codex', direct: '1' });
    await until(async () => (await stack.quarantined()).length === before + 2, 10_000);
    const subscriptions = (await stack.quarantined()).map(({ data }) => String(data.subscription));
    assert.equal(subscriptions.filter((name) => name.endsWith('sub-dead-tasks')).length, 2);
  });

  it('posted to /run without a task id become tasks as well', async () => {
    const run = `${stack.local.functionUrls['agent-light']}/run`;
    const good = await stack.post<Record<string, unknown>>(run, { payload: { r: 1 }, ttl: 60 });
    assert.deepEqual(
      [good.status, good.body.status, good.body.result, good.body.costCents],
      [200, 'succeeded', { echo: { r: 1 } }, 5],
    );
    const view = await stack.ended(String(good.body.taskId));
    assert.deepEqual([view.status, view.costCents], ['succeeded', 5]);
    const again = await stack.post(run, { payload: { r: 2 }, idempotencyKey: 'run-once' });
    assert.deepEqual((await stack.post(run, { payload: { r: 2 }, idempotencyKey: 'run-once' })).body, again.body);

    const bad: [object, number, string][] = [
      [{ payload: {}, ttl: -1 }, 422, 'invalid_fields'],
      [{ payload: {}, budgetCents: 1 }, 402, 'budget_exceeded'],
      [{ payload: {}, agent: 'nobody' }, 422, 'agent_not_found'],
      [{ taskId: 'no-such-task' }, 404, 'unknown_task'],
      [{ payload: { handler: 'none' } }, 422, 'unknown_handler'],
    ];
    for (const [body, status, code] of bad) {
      const reply = await stack.post<{ code: string }>(run, body);
      assert.deepEqual([reply.status, reply.body.code], [status, code]);
    }
  });

  it('posted to the /run of a user’s agent as well', async () => {
    const audience = stack.local.functionUrls.codex as string;
    const email = accountEmail(stack.settings, 'dispatch');
    const headers = { authorization: `Bearer ${await stack.local.issuer.token({ email, audience })}` };
    const { status, body } = await stack.post<Record<string, unknown>>(
      `${audience}/run`,
      { agent: 'codex', payload: { r: 3 } },
      headers,
    );
    assert.deepEqual([status, body.status, body.result, body.costCents], [200, 'succeeded', { echo: { r: 3 } }, 5]);
    assert.equal((await stack.ended(String(body.taskId))).agent, 'codex');
  });
});
