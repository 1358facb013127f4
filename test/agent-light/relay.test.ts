import assert from 'node:assert/strict';
import { decodeJwt } from 'jose';
import { type Answer, httpListener, type Listener } from '../support/http-listener.ts';
import { type EmbeddedTestStack, embeddedStack } from '../support/stack-embedded.ts';

const problem = { 'content-type': 'application/problem+json' };

describe('the relay to a registered HTTP agent', function () {
  this.timeout(20_000);
  let stack: EmbeddedTestStack;
  let agent: Listener;
  before(async () => {
    agent = await httpListener();
    const gone = await httpListener();
    await gone.close();
    stack = await embeddedStack({
      agents: [
        { name: 'remote', endpoint: `${agent.url}/run`, priceCents: 3 },
        { name: 'gone', endpoint: `${gone.url}/run`, priceCents: 3 },
      ],
    });
  });
  after(async () => {
    await stack.stop();
    await agent.close();
  });
  beforeEach(() => {
    agent.received.length = 0;
  });

  type Row = [
    name: string,
    answer: Answer,
    status: string,
    code: string | undefined,
    cost: number,
    attempts: number,
    result?: unknown,
  ];
  const rows: Row[] = [
    [
      '200 of the protocol',
      { status: 200, body: { status: 'succeeded', result: { a: 1 }, costCents: 1.5 } },
      'succeeded',
      undefined,
      1.5,
      1,
      { a: 1 },
    ],
    [
      '200 without a cost: the quote',
      { status: 200, body: { status: 'succeeded', result: null } },
      'succeeded',
      undefined,
      3,
      1,
      null,
    ],
    [
      '200 that cost nothing',
      { status: 200, body: { status: 'succeeded', result: 1, costCents: 0 } },
      'succeeded',
      undefined,
      0,
      1,
      1,
    ],
    [
      '200 above the quote: the quote',
      { status: 200, body: { status: 'succeeded', result: 1, costCents: 99 } },
      'succeeded',
      undefined,
      3,
      1,
      1,
    ],
    [
      '200 with a negative cost: the quote',
      { status: 200, body: { status: 'succeeded', result: 1, costCents: -5 } },
      'succeeded',
      undefined,
      3,
      1,
      1,
    ],
    ['200 with plain JSON', { status: 200, body: { any: ['thing'] } }, 'succeeded', undefined, 3, 1, { any: ['thing'] }],
    ['201 with a list', { status: 201, body: [1, 2] }, 'succeeded', undefined, 3, 1, [1, 2]],
    ['200 with something else', { status: 200, body: '<html>' }, 'failed', 'invalid_reply', 3, 1],
    [
      '422 with a problem',
      { status: 422, body: { code: 'bad_shape', detail: 'no' }, headers: problem },
      'failed',
      'bad_shape',
      3,
      1,
    ],
    ['404 with a problem without a code', { status: 404, body: {}, headers: problem }, 'failed', 'agent_refused', 3, 1],
    ['402', { status: 402, body: {} }, 'failed', 'budget_exceeded', 3, 1],
    ['410', { status: 410, body: {} }, 'expired', 'ttl_expired', 3, 1],
    ['404 without a problem', { status: 404, body: {} }, 'dead', 'attempts_exhausted', 6, 2],
    ['408 with a problem', { status: 408, body: {}, headers: problem }, 'dead', 'attempts_exhausted', 6, 2],
    ['429 with a problem', { status: 429, body: {}, headers: problem }, 'dead', 'attempts_exhausted', 6, 2],
    ['500', { status: 500, body: {} }, 'dead', 'attempts_exhausted', 6, 2],
    ['a redirect', { status: 302, headers: { location: '/elsewhere' } }, 'dead', 'attempts_exhausted', 6, 2],
  ];
  for (const mode of ['http', 'pubsub']) {
    for (const [name, answer, status, code, cost, attempts, result] of rows) {
      it(`takes ${name}, in mode ${mode}`, async () => {
        agent.answer = () => answer;
        const { body } = await stack.dispatch({ agent: 'remote', mode, maxAttempts: 2 });
        const view = await stack.ended(body.id);
        assert.deepEqual([view.status, view.error?.code, view.costCents, view.attempts], [status, code, cost, attempts]);
        assert.deepEqual(view.result, result);
        assert.equal(agent.received.length, attempts);
      });
    }
  }

  it('records an overrun', async () => {
    agent.answer = () => ({ status: 200, body: { status: 'succeeded', result: 1, costCents: 99 } });
    const view = await stack.run({ agent: 'remote' });
    assert.equal(view.timeline.at(-1)?.overrunMicros, 960_000);
  });

  it('counts an agent that cannot be reached as a failed attempt', async () => {
    const view = await stack.run({ agent: 'gone', maxAttempts: 2 });
    assert.deepEqual([view.status, view.attempts, view.costCents], ['dead', 2, 6]);
    assert.match(view.error?.message ?? '', /agent_unreachable/);
  });

  it('waits as long as Retry-After says', async () => {
    let first = 0;
    agent.answer = ({ at }) => {
      if (first > 0) return { status: 200, body: { waited: at - first } };
      first = at;
      return { status: 503, headers: { 'retry-after': '1' } };
    };
    const view = await stack.run({ agent: 'remote' });
    assert.equal(view.status, 'succeeded');
    assert.ok(Number(view.result?.waited) >= 1_000, JSON.stringify(view.result));
  });

  for (const mode of ['http', 'pubsub'] as const) {
    it(`sends what kind of work it is at every attempt, dispatched by ${mode}`, async () => {
      agent.answer = ({ body }) => (JSON.parse(body).attempt === 1 ? { status: 500 } : { status: 200, body: {} });
      const work = { module_name: 'shop', task_type: 'analysis' };
      await stack.run({ agent: 'remote', mode, work });
      assert.deepEqual(
        agent.received.map(({ body }) => JSON.parse(body).work),
        [work, work],
      );
    });
  }

  it('sends the run object, one effect id over all attempts, and an ID token for the agent', async () => {
    agent.answer = ({ body }) => (JSON.parse(body).attempt === 1 ? { status: 500 } : { status: 200, body: {} });
    const view = await stack.run({ agent: 'remote', payload: { p: 1 }, budgetCents: 12, traceId: 'trace-r', ttlSeconds: 60 });
    const [one, two] = agent.received.map(({ body }) => JSON.parse(body));
    const { outcomeToken, ...rest } = one;
    assert.equal(typeof outcomeToken, 'string');
    assert.deepEqual(rest, {
      taskId: view.id,
      agent: 'remote',
      payload: { p: 1 },
      ttl: view.ttl,
      budgetCents: 12,
      idempotencyKey: view.id,
      traceId: 'trace-r',
      epoch: 1,
      attempt: 1,
    });
    assert.deepEqual([two.epoch, two.attempt, two.idempotencyKey], [2, 2, view.id]);
    assert.notEqual(two.outcomeToken, outcomeToken);
    for (const { headers } of agent.received) {
      assert.equal(headers['idempotency-key'], view.id);
      const { aud, email, iss } = decodeJwt(String(headers.authorization).slice('Bearer '.length));
      assert.deepEqual(
        [aud, email, iss],
        [agent.url, `heliograph-agent-light@${stack.settings.project}.iam.gserviceaccount.com`, stack.local.issuer.url],
      );
    }
  });
});
