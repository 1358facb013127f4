/** Rows O6 and O8: what a flow answers later, or twice, or at the same time. */

import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { Webhook as StandardWebhook } from 'standardwebhooks';
import type { Refusal, Reply, TestStack, View } from '../../support/stack.ts';
import { answers, type FlowCall, type WebhookServer } from '../../support/webhook-server.ts';
import type { JobView } from './jobs.ts';

export type Headers = Record<string, string>;

/** As n8n's Crypto node makes it. */
export const bodyHmac = (body: string, key: string): Headers => ({
  'x-signature': createHmac('sha256', key).update(body).digest('hex'),
});

export const standard = (body: string, key: string, id = 'msg_1', at = new Date()): Headers => ({
  'webhook-id': id,
  'webhook-timestamp': String(Math.floor(at.getTime() / 1000)),
  'webhook-signature': new StandardWebhook(key).sign(id, at, body),
});

/** The flow of these tests: an intent `late.run` whose webhook is at `/late`. */
export const lateIntent = (url: string) => ({ name: 'late.run', mode: 'flow', target: `${url}/late` });

export function lateAnswers(stackOf: () => TestStack, hookOf: () => WebhookServer): void {
  let key: string;
  let asked = 0;
  before(async () => {
    const { body } = await stackOf().get<{ keys: string[] }>('/callbacks/key?intent=late.run');
    assert.equal(body.keys.length, 1);
    key = String(body.keys[0]);
  });
  beforeEach(() => hookOf().behaviours.set('/late', answers(202)));

  const job = async (id: string) => (await stackOf().get<JobView>(`/jobs/${id}`)).body;
  const isParked = ({ timeline }: View) => timeline.some(({ event }) => event === 'parked');
  const callOf = (id: string) => hookOf().calls.findLast(({ body }) => body.job_id === id) as FlowCall;
  async function started(more: object = {}): Promise<string> {
    asked += 1;
    const { body } = await stackOf().post<JobView>('/orchestrate', { intent: 'late.run', inputs: { asked }, ...more });
    return body.job_id;
  }
  async function parked(more: object = {}): Promise<string> {
    const id = await started(more);
    await stackOf().reaches(id.slice(4), isParked);
    return id;
  }
  type Told = Reply<{ readonly status: string; readonly job_id: string } & Refusal>;
  const send = (body: string, headers: Headers): Promise<Told> => stackOf().post('/callbacks/ingest', body, headers);
  const tell = (report: object, sign = bodyHmac): Promise<Told> => {
    const body = JSON.stringify(report);
    return send(body, sign(body, key));
  };

  const prefixed = (body: string, secret: string): Headers => ({
    'x-signature': `sha256=${bodyHmac(body, secret)['x-signature']}`,
  });
  for (const [name, sign] of [
    ['X-Signature', bodyHmac],
    ['X-Signature with sha256= before it', prefixed],
    ['a Standard Webhook', standard],
  ] as const) {
    it(`ends its job, proved by ${name}`, async () => {
      const id = await parked();
      assert.equal((await job(id)).status, 'running');
      const told = await tell({ job_id: id, status: 'success', result: { processed: 15 } }, sign);
      assert.deepEqual([told.status, told.body], [200, { status: 'ok', job_id: id }]);
      const { status, result, metrics } = await job(id);
      assert.deepEqual([status, result, metrics.attempts], ['success', { processed: 15 }, 1]);
      const { timeline } = (await stackOf().get(`/task/${id.slice(4)}`)).body;
      assert.match(String(timeline.at(-1)?.by), sign === standard ? /^webhook msg_1$/ : /^X-Signature$/);
    });
  }

  const errors: [string, object, object][] = [
    ['text', { error: 'no mail' }, { code: 'flow_failed', message: 'no mail' }],
    ['a code and a message', { error: { code: 'no_mail', message: 'none' } }, { code: 'no_mail', message: 'none' }],
    ['nothing', {}, { code: 'flow_failed', message: 'The flow reported an error, and no reason.' }],
  ];
  for (const [name, part, error] of errors) {
    it(`fails its job with the error it gives: ${name}`, async () => {
      const id = await parked();
      const report = { job_id: id, status: 'error', ...part };
      assert.equal((await tell(report)).status, 200);
      const view = await job(id);
      assert.deepEqual([view.status, view.error], ['error', error]);
      assert.deepEqual((await tell(report)).body, { status: 'ok', job_id: id });
    });
  }

  it('ends its job by the token that came with it', async () => {
    const id = await parked();
    const { epoch, outcomeToken } = callOf(id).body;
    const told = await stackOf().post('/callbacks/ingest', {
      job_id: id,
      epoch,
      outcomeToken,
      outcome: { status: 'succeeded', result: 'by token' },
    });
    assert.deepEqual([told.status, told.body], [200, { status: 'ok', job_id: id }]);
    await stackOf().ended(id.slice(4));
    assert.equal((await job(id)).result, 'by token');
  });

  it('that comes twice changes nothing, and one that says something else is refused', async () => {
    const id = await parked();
    const report = { job_id: id, status: 'success', result: { n: 1, deep: { a: [1], b: 'x' } } };
    const body = JSON.stringify(report);
    const headers = standard(body, key, 'msg_twice');
    assert.equal((await send(body, headers)).status, 200);
    const before = (await stackOf().get(`/task/${id.slice(4)}`)).body;
    for (const again of [headers, bodyHmac(body, key), standard(body, key, 'msg_other')]) {
      assert.deepEqual((await send(body, again)).body, { status: 'ok', job_id: id });
    }
    for (const other of [
      { ...report, result: { n: 2 } },
      { job_id: id, status: 'success' },
      { job_id: id, status: 'error', error: 'after all' },
    ]) {
      const { status, body: refusal } = await tell(other);
      assert.deepEqual([status, refusal.code], [409, 'job_ended'], JSON.stringify(other));
    }
    assert.deepEqual((await stackOf().get(`/task/${id.slice(4)}`)).body, before);
  });

  it('of many at once, one is recorded: those that say the same are told ok, the others are refused', async () => {
    const id = await parked();
    const told = await Promise.all(
      [1, 2, 1, 2, 1, 2].map(async (n) => [n, (await tell({ job_id: id, status: 'success', result: n })).status] as const),
    );
    const { result } = await job(id);
    for (const [n, status] of told) assert.equal(status, n === result ? 200 : 409, JSON.stringify(told));
  });

  it('may come before the 202 has', async () => {
    hookOf().behaviours.set('/late', async (call, response) => {
      assert.equal((await tell({ job_id: call.body.job_id, status: 'success', result: 'early' })).status, 200);
      response.writeHead(202).end();
    });
    const id = await started();
    await stackOf().ended(id.slice(4));
    await pause(300);
    const view = await job(id);
    assert.deepEqual([view.status, view.result, view.metrics.attempts], ['success', 'early', 1]);
  });

  it('beside an answer with a result: the first one stands', async () => {
    hookOf().behaviours.set('/late', async (call, response) => {
      await tell({ job_id: call.body.job_id, status: 'success', result: 'told' });
      response.writeHead(200, { 'content-type': 'application/json' }).end('"answered"');
    });
    const id = await started();
    await stackOf().ended(id.slice(4));
    await pause(300);
    assert.deepEqual([(await job(id)).result, (await job(id)).metrics.attempts], ['told', 1]);
  });

  it('counts though the connection had broken, so that the flow does not run again', async () => {
    hookOf().behaviours.set('/late', answers(503, '', { 'retry-after': '60' }));
    const id = await started();
    await stackOf().reaches(id.slice(4), ({ status, retryAt }) => status === 'queued' && retryAt !== undefined);
    const failing = await tell({ job_id: id, status: 'error', error: 'late' });
    assert.deepEqual([failing.status, failing.body.code], [409, 'job_not_running']);
    assert.equal((await tell({ job_id: id, status: 'success', result: 'done' })).status, 200);
    const view = await job(id);
    assert.deepEqual([view.status, view.result, view.metrics.attempts], ['success', 'done', 1]);
  });

  it('of an attempt that is over does not fail the one that runs', async () => {
    hookOf().behaviours.set('/late', (call, response) =>
      call.body.epoch === 1 ? response.socket?.resetAndDestroy() : response.writeHead(202).end(),
    );
    const id = await parked();
    const stale = await tell({ job_id: id, status: 'error', epoch: 1 });
    assert.deepEqual([stale.status, stale.body.code], [409, 'job_not_running']);
    const future = await tell({ job_id: id, status: 'success', epoch: 3 });
    assert.deepEqual([future.status, future.body.code], [409, 'job_not_running']);
    assert.equal((await job(id)).status, 'running');
    assert.equal((await tell({ job_id: id, status: 'success', epoch: 2 })).status, 200);
    assert.equal((await job(id)).metrics.attempts, 2);
  });

  it('that is large is kept, and told again is known', async () => {
    const id = await parked();
    const report = { job_id: id, status: 'success', result: 'x'.repeat(400_000) };
    assert.equal((await tell(report)).status, 200);
    assert.equal((await job(id)).result, report.result);
    assert.equal((await tell(report)).status, 200);
    assert.equal((await tell({ ...report, result: 'x'.repeat(400_001) })).status, 409);
  });

  it('that is proved and wrong is told what is wrong, and changes nothing', async () => {
    const id = await parked();
    const rows: [object, string][] = [
      [{ status: 'succeeded' }, 'status'],
      [{ status: 'success', error: 'both' }, '(body)'],
      [{ status: 'error', result: 1 }, '(body)'],
      [{ status: 'success', cost: 1 }, 'cost'],
      [{ status: 'error', error: { code: '', message: 'x' } }, 'error'],
    ];
    for (const [part, field] of rows) {
      const { status, body } = await tell({ job_id: id, ...part });
      assert.deepEqual([status, body.errors?.[0]?.field.split('.')[0]], [422, field], JSON.stringify(body));
    }
    assert.equal((await job(id)).status, 'running');
  });
}
