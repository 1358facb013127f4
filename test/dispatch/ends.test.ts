import assert from 'node:assert/strict';
import { setTimeout as pause } from 'node:timers/promises';
import { httpListener, type Listener } from '../support/http-listener.ts';
import type { View } from '../support/stack.ts';
import { type EmbeddedTestStack, embeddedStack } from '../support/stack-embedded.ts';

const events = ({ timeline }: View): string[] => timeline.map(({ event }) => event);

describe('how tasks end', function () {
  this.timeout(20_000);
  let stack: EmbeddedTestStack;
  let agent: Listener;

  before(async () => {
    agent = await httpListener();
    stack = await embeddedStack({ agents: [{ name: 'remote', endpoint: `${agent.url}/run`, priceCents: 3, timeLimitSeconds: 1 }] });
  });
  after(async () => {
    await stack.stop();
    await agent.close();
  });
  beforeEach(() => {
    agent.received.length = 0;
    agent.answer = () => ({ status: 200, body: {} });
  });

  type Row = [
    name: string,
    packet: Record<string, unknown>,
    status: string,
    code: string | undefined,
    cost: number,
    attempts: number,
  ];
  const rows: Row[] = [
    ['light succeeds', { payload: { a: 1 } }, 'succeeded', undefined, 5, 1],
    ['codex succeeds', { agent: 'codex', payload: { source: 'let a = 1;' } }, 'succeeded', undefined, 5, 1],
    ['a price that just fits', { agent: 'codex', budgetCents: 5 }, 'succeeded', undefined, 5, 1],
    ['over budget: light', { budgetCents: 4.9999 }, 'failed', 'budget_exceeded', 0, 0],
    ['over budget: codex', { agent: 'codex', budgetCents: 0 }, 'failed', 'budget_exceeded', 0, 0],
    ['a terminal failure', { agent: 'codex', payload: { fail: 'terminal' } }, 'failed', 'asked_to_fail', 5, 1],
    ['a handler that is not there', { payload: { handler: 'nope' } }, 'failed', 'unknown_handler', 5, 1],
    ['a handler of every object', { payload: { handler: 'constructor' } }, 'failed', 'unknown_handler', 5, 1],
    ['always failing', { agent: 'codex', payload: { fail: 'retry' }, maxAttempts: 3 }, 'dead', 'attempts_exhausted', 15, 3],
    [
      'always failing, once allowed',
      { agent: 'codex', payload: { fail: 'retry' }, maxAttempts: 1 },
      'dead',
      'attempts_exhausted',
      5,
      1,
    ],
    [
      'failing until the budget is spent',
      { agent: 'codex', payload: { fail: 'retry' }, budgetCents: 12 },
      'failed',
      'budget_exceeded',
      10,
      2,
    ],
    [
      'stopped at its time limit',
      { agent: 'codex', payload: { pauseMs: 60_000 }, ttlSeconds: 0.5 },
      'expired',
      'ttl_expired',
      5,
      1,
    ],
  ];
  for (const mode of ['http', 'pubsub']) {
    for (const [name, packet, status, code, cost, attempts] of rows) {
      it(`${name}, in mode ${mode}`, async () => {
        const reply = await stack.dispatch({ mode, ...packet });
        assert.ok([200, 202].includes(reply.status), JSON.stringify(reply.body));
        const view = await stack.ended(reply.body.id);
        assert.deepEqual([view.status, view.error?.code, view.costCents, view.attempts], [status, code, cost, attempts]);
        if (reply.status === 200) assert.deepEqual(reply.body, view);
        assert.deepEqual((await stack.get(`/task-status/${view.id}`)).body, view);
        assert.equal(events(view).filter((event) => event === 'running').length, attempts);
      });
    }
  }

  it('hands a failing http task to the topic, and goes on there', async () => {
    const { status, body } = await stack.dispatch({ agent: 'codex', payload: { fail: 'retry' }, maxAttempts: 2 });
    assert.equal(status, 202);
    assert.deepEqual((await stack.ended(body.id)).attempts, 2);
  });

  for (const name of ['light', 'codex', 'remote']) {
    it(`never runs what expired while it was queued: ${name}`, async () => {
      const view = await stack.run({ agent: name, ttlSeconds: 0.000_001 });
      assert.deepEqual([view.status, view.error?.code, view.costCents, view.attempts], ['expired', 'ttl_expired', 0, 0]);
      assert.deepEqual(events(view), ['queued', 'expired']);
      assert.equal(agent.received.length, 0);
    });
  }

  it('charges a run past the ttl at its quote, and aborts it', async () => {
    agent.answer = async () => {
      await pause(1_200);
      return { status: 200, body: { status: 'succeeded', result: 'late', costCents: 1 } };
    };
    const started = Date.now();
    const view = await stack.run({ agent: 'remote', ttlSeconds: 0.4 });
    assert.ok(Date.now() - started < 1_100, 'the run was waited for');
    assert.deepEqual([view.status, view.error?.code, view.costCents, view.result], ['expired', 'ttl_expired', 3, undefined]);
    await pause(900);
    assert.deepEqual((await stack.get(`/task/${view.id}`)).body, view);
  });

  it('renews the lease of a long run without a word in the timeline', async () => {
    const view = await stack.run({ agent: 'codex', payload: { pauseMs: 1_800 } });
    assert.deepEqual([view.status, events(view)], ['succeeded', ['queued', 'running', 'succeeded']]);
  });

  it('retries a run that outlasts the agent’s own limit for one run', async () => {
    agent.answer = async ({ body }) => {
      if (JSON.parse(body).attempt === 1) await pause(1_500);
      return { status: 200, body: { attempt: JSON.parse(body).attempt } };
    };
    const view = await stack.run({ agent: 'remote' });
    assert.deepEqual([view.status, view.attempts, view.costCents, view.result], ['succeeded', 2, 6, { attempt: 2 }]);
    assert.ok(view.timeline.some(({ event, code }) => event === 'retry' && code === 'run_timeout'));
  });

  it('keeps what it waits for until notBefore, and runs it then', async () => {
    const notBefore = Date.now() / 1000 + 0.8;
    const { status, body } = await stack.dispatch({ mode: 'pubsub', notBefore });
    assert.deepEqual([status, body.status], [202, 'waiting']);
    const view = await stack.ended(body.id);
    const running = view.timeline.find(({ event }) => event === 'running');
    assert.ok(Date.parse(String(running?.at)) >= notBefore * 1000);
    assert.deepEqual([view.status, events(view)], ['succeeded', ['waiting', 'queued', 'running', 'succeeded']]);
  });

  it('runs what had a notBefore in the past at once', async () => {
    assert.equal((await stack.run({ notBefore: Date.now() / 1000 - 5 })).status, 'succeeded');
  });
});
