import assert from 'node:assert/strict';
import { httpListener, type Listener } from '../support/http-listener.ts';
import type { Refusal, View } from '../support/stack.ts';
import { type EmbeddedTestStack, embeddedStack } from '../support/stack-embedded.ts';

describe('idempotency', function () {
  this.timeout(20_000);
  let stack: EmbeddedTestStack;
  let agent: Listener;

  before(async () => {
    agent = await httpListener(() => ({ status: 200, body: { done: true } }));
    stack = await embeddedStack({ agents: [{ name: 'remote', endpoint: `${agent.url}/run`, priceCents: 2 }] });
  });
  after(async () => {
    await stack.stop();
    await agent.close();
  });

  for (const mode of ['http', 'pubsub']) {
    it(`answers a repeat in mode ${mode} with the stored task, and runs it once`, async () => {
      const packet = { agent: 'remote', mode, payload: { b: 1, a: [1, 2] }, idempotencyKey: `repeat-${mode}`, ttlSeconds: 60 };
      const before = agent.received.length;
      const first = await stack.dispatch(packet);
      assert.equal(first.headers.get('idempotent-replayed'), null);
      const ended = await stack.ended(first.body.id);
      const again = await stack.dispatch({
        ...packet,
        ttlSeconds: undefined,
        ttl: Date.now() / 1000 + 600,
        payload: { a: [1, 2], b: 1 },
      });
      assert.deepEqual([again.status, again.headers.get('idempotent-replayed')], [200, 'true']);
      assert.deepEqual(again.body, ended);
      assert.equal(agent.received.length, before + 1);
    });
  }

  it('answers a repeat of a task under way with 202', async () => {
    const packet = { agent: 'codex', mode: 'pubsub', payload: { pauseMs: 400 }, idempotencyKey: 'under way' };
    const { body } = await stack.dispatch(packet);
    const again = await stack.dispatch(packet);
    assert.deepEqual([again.status, again.body.id, again.headers.get('idempotent-replayed')], [202, body.id, 'true']);
    assert.equal((await stack.ended(body.id)).attempts, 1);
  });

  const others: [string, Record<string, unknown>][] = [
    ['another payload', { payload: { n: 2 } }],
    ['a payload with one field more', { payload: { n: 1, m: null } }],
    ['a number as text', { payload: { n: '1' } }],
  ];
  for (const [name, part] of others) {
    it(`refuses the key of another request: ${name}`, async () => {
      const packet = { payload: { n: 1 }, idempotencyKey: `other: ${name}` };
      const first = await stack.dispatch(packet);
      const { status, body } = await stack.dispatch<Refusal>({ ...packet, ...part });
      assert.deepEqual([status, body.code, body.errors?.[0]?.field], [422, 'idempotency_key_reused', 'idempotencyKey']);
      assert.deepEqual((await stack.get(`/task/${first.body.id}`)).body, first.body);
    });
  }

  it('holds a key apart for each agent', async () => {
    const [light, codex] = await Promise.all(
      ['light', 'codex'].map((name) => stack.dispatch({ agent: name, payload: { n: 1 }, idempotencyKey: 'per agent' })),
    );
    assert.deepEqual([light?.status, codex?.status], [200, 200]);
    assert.notEqual(light?.body.id, codex?.body.id);
  });

  it('finds one task when only what is outside agent and payload differs', async () => {
    const packet = { payload: { n: 1 }, idempotencyKey: 'outside' };
    const first = await stack.dispatch({ ...packet, budgetCents: 10, metadata: { a: 1 } });
    const again = await stack.dispatch({ ...packet, budgetCents: 20, metadata: { a: 2 } });
    assert.deepEqual([again.status, again.body.id, again.body.budgetCents], [200, first.body.id, 10]);
  });

  for (const mode of ['http', 'pubsub']) {
    it(`makes one task and one run of 200 concurrent posts in mode ${mode}`, async () => {
      const before = agent.received.length;
      const packet = { agent: 'remote', mode, payload: { mode }, idempotencyKey: `rush ${mode}` };
      const replies = await Promise.all(Array.from({ length: 200 }, () => stack.dispatch(packet)));
      assert.deepEqual(
        [...new Set(replies.map(({ status }) => status))].filter((status) => status !== 200 && status !== 202),
        [],
      );
      const ids = new Set(replies.map(({ body }) => body.id));
      assert.equal(ids.size, 1);
      assert.equal(replies.filter(({ headers }) => headers.get('idempotent-replayed') === null).length, 1);
      const view: View = await stack.ended([...ids][0] as string);
      assert.deepEqual([view.status, view.attempts, view.costCents], ['succeeded', 1, 2]);
      assert.equal(agent.received.length, before + 1);
    });
  }

  it('lets one of two payloads win when both come at once under one key', async () => {
    const replies = await Promise.all(
      Array.from({ length: 40 }, (_, n) =>
        stack.dispatch<View & Refusal>({ mode: 'pubsub', payload: { n: n % 2 }, idempotencyKey: 'two' }),
      ),
    );
    const taken = replies.filter(({ status }) => status !== 422);
    assert.equal(taken.length, 20);
    assert.equal(new Set(taken.map(({ body }) => JSON.stringify(body.payload))).size, 1);
    for (const { status, body } of replies) if (status === 422) assert.equal(body.code, 'idempotency_key_reused');
  });

  it('replaces a task whose retention has ended, as stores delete late', async () => {
    const packet = { payload: { n: 1 }, idempotencyKey: 'late' };
    const first = await stack.dispatch(packet);
    const stored = await stack.documents.get('tasks', first.body.id);
    assert.ok(stored);
    await stack.documents.commit([
      { kind: 'update', collection: 'tasks', id: stored.id, version: stored.version, set: { expireAt: Date.now() - 1 } },
    ]);
    assert.equal((await stack.get(`/task/${first.body.id}`)).status, 404);
    const second = await stack.dispatch({ ...packet, payload: { n: 2 } });
    assert.deepEqual([second.status, second.headers.get('idempotent-replayed')], [200, null]);
    assert.deepEqual([second.body.id, second.body.result], [first.body.id, { echo: { n: 2 } }]);
  });
});
