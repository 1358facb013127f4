import assert from 'node:assert/strict';
import { setTimeout as pause } from 'node:timers/promises';
import { httpListener, type Listener } from '../support/http-listener.ts';
import type { Refusal, View } from '../support/stack.ts';
import { type EmbeddedTestStack, embeddedStack } from '../support/stack-embedded.ts';

describe('a parked attempt', function () {
  this.timeout(20_000);
  let stack: EmbeddedTestStack;
  let agent: Listener;
  before(async () => {
    agent = await httpListener();
    stack = await embeddedStack({ agents: [{ name: 'remote', endpoint: `${agent.url}/run`, priceCents: 3 }] });
  });
  after(async () => {
    await stack.stop();
    await agent.close();
  });
  beforeEach(() => {
    agent.received.length = 0;
  });

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
