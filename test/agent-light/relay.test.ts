import assert from 'node:assert/strict';
import { setTimeout as pause } from 'node:timers/promises';
import { decodeJwt } from 'jose';
import { type Answer, httpListener, type Listener } from '../support/http-listener.ts';
import type { Refusal, View } from '../support/stack.ts';
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
    ['410', { status: 410, body: {} }, 'failed', 'ttl_expired', 3, 1],
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

  describe('a parked attempt', () => {
    interface Sent {
      readonly taskId: string;
      readonly epoch: number;
      readonly outcomeToken: string;
    }
    async function parked(packet: Record<string, unknown> = {}): Promise<Sent> {
      agent.answer = () => ({ status: 202 });
      const { status, body } = await stack.dispatch({ agent: 'remote', ttlSeconds: 60, ...packet });
      assert.equal(status, 202);
      await stack.reaches(body.id, ({ timeline }) => timeline.at(-1)?.event === 'parked');
      return JSON.parse(agent.received[0]?.body ?? '');
    }
    const update = ({ taskId, epoch, outcomeToken }: Sent, part: object) =>
      stack.post<{ status: string } & Refusal>(`/task-update/${taskId}`, { epoch, outcomeToken, ...part });

    for (const mode of ['http', 'pubsub']) {
      it(`stays beyond its lease and ends by /task-update, in mode ${mode}`, async () => {
        const sent = await parked({ mode });
        await pause(mode === 'http' ? 3_500 : 0);
        assert.deepEqual((await update(sent, { note: 'half way' })).body, { status: 'running' });
        const { status, body } = await update(sent, { outcome: { status: 'succeeded', result: { far: 'away' }, costCents: 2 } });
        assert.deepEqual([status, body], [200, { status: 'succeeded' }]);
        const view: View = await stack.ended(sent.taskId);
        assert.deepEqual([view.result, view.costCents, view.attempts], [{ far: 'away' }, 2, 1]);
        assert.deepEqual(
          view.timeline.map(({ event }) => event),
          ['queued', 'running', 'parked', 'progress', 'succeeded'],
        );
      });
    }

    it('ends by /callbacks/ingest, by way of the topic results', async () => {
      const { taskId, epoch, outcomeToken } = await parked();
      const outcome = { status: 'failed', error: { code: 'no_luck', message: 'none' }, costCents: 0.5 };
      const reply = await stack.post('/callbacks/ingest', { job_id: taskId, epoch, outcomeToken, outcome });
      assert.deepEqual([reply.status, reply.body], [200, { status: 'ok', job_id: taskId }]);
      const view = await stack.ended(taskId);
      assert.deepEqual([view.status, view.error, view.costCents], ['failed', outcome.error, 0.5]);
    });

    it('runs again when the report asks for it', async () => {
      const sent = await parked();
      agent.answer = () => ({ status: 200, body: { again: true } });
      assert.equal((await update(sent, { outcome: { status: 'retry', costCents: 1 } })).body.status, 'queued');
      const view = await stack.ended(sent.taskId);
      assert.deepEqual([view.status, view.attempts, view.costCents], ['succeeded', 2, 4]);
    });

    it('expires when nothing is reported by the ttl and the grace after it, charged at the quote', async () => {
      const { taskId } = await parked({ ttlSeconds: 1 });
      const view = await stack.ended(taskId);
      assert.deepEqual([view.status, view.error?.code, view.costCents], ['expired', 'ttl_expired', 3]);
      assert.ok(Date.parse(String(view.finishedAt)) >= view.ttl * 1000 + stack.settings.times.resultGraceMs);
    });

    it('counts a run that ended by the ttl, though it is reported after it', async () => {
      const sent = await parked({ ttlSeconds: 0.6 });
      const endedAt = Date.now();
      await pause(700);
      await update(sent, { outcome: { status: 'succeeded', result: 1, endedAt } });
      assert.equal((await stack.ended(sent.taskId)).status, 'succeeded');
    });

    it('does not count a run that ended after the ttl', async () => {
      const sent = await parked({ ttlSeconds: 0.6 });
      await pause(700);
      await update(sent, { outcome: { status: 'succeeded', result: 1, costCents: 1 } });
      const view = await stack.ended(sent.taskId);
      assert.deepEqual([view.status, view.result, view.costCents], ['expired', undefined, 1]);
    });

    const refused: [string, (sent: Sent) => Record<string, unknown>, number, string][] = [
      ['another epoch', ({ outcomeToken }) => ({ epoch: 2, outcomeToken, note: 'x' }), 401, 'unauthenticated'],
      [
        'a token of another task',
        ({ epoch }) => ({ epoch, outcomeToken: stack.signing.outcomeToken('other', 'remote', 1), note: 'x' }),
        401,
        'unauthenticated',
      ],
      ['no token', ({ epoch }) => ({ epoch, note: 'x' }), 422, 'invalid_fields'],
      [
        'a note and an outcome at once',
        (sent) => ({ ...proof(sent), note: 'x', outcome: { status: 'succeeded' } }),
        422,
        'invalid_fields',
      ],
      ['neither', (sent) => proof(sent), 422, 'invalid_fields'],
      ['another state', (sent) => ({ ...proof(sent), outcome: { status: 'dead' } }), 422, 'invalid_fields'],
      ['a field of ours', (sent) => ({ ...proof(sent), outcome: { status: 'succeeded', resultRef: {} } }), 422, 'invalid_fields'],
      ['a negative cost', (sent) => ({ ...proof(sent), outcome: { status: 'succeeded', costCents: -1 } }), 422, 'invalid_fields'],
    ];
    it('refuses every report that is not its own or not well-formed, and changes nothing', async () => {
      const sent = await parked();
      const { body: before } = await stack.get(`/task/${sent.taskId}`);
      for (const [name, body, status, code] of refused) {
        const reply = await stack.post<Refusal>(`/task-update/${sent.taskId}`, body(sent));
        assert.deepEqual([reply.status, reply.body.code], [status, code], name);
      }
      assert.deepEqual((await stack.get(`/task/${sent.taskId}`)).body, before);
      await update(sent, { outcome: { status: 'succeeded' } });
      assert.deepEqual(
        [(await update(sent, { note: 'late' })).status, (await update(sent, { note: 'late' })).body.code],
        [409, 'lease_lost'],
      );
    });

    const proof = ({ epoch, outcomeToken }: Sent) => ({ epoch, outcomeToken });
  });
});
