import assert from 'node:assert/strict';
import { newApiKey, type Scope } from '../../functions/core/authenticate.ts';
import { until } from '../support/folder.ts';
import { httpListener, type Listener } from '../support/http-listener.ts';
import type { Refusal } from '../support/stack.ts';
import { type EmbeddedTestStack, embeddedStack } from '../support/stack-embedded.ts';

type Headers = Record<string, string>;
interface Job {
  readonly job_id: string;
  readonly status: string;
  readonly result?: { readonly dry_run?: boolean; readonly from?: string };
}

describe('jobs and intents of tenants', function () {
  this.timeout(30_000);
  let stack: EmbeddedTestStack;
  let flow: Listener;
  before(async () => {
    flow = await httpListener(({ path }) => ({ status: 200, body: { from: path } }));
    stack = await embeddedStack({
      auth: 'required',
      'times.agentsCacheMs': 50,
      intents: [
        { name: 'stop.pumps', mode: 'flow', target: `${flow.url}/pumps`, dangerous: true },
        { name: 'stop.all', mode: 'flow', target: `${flow.url}/all`, dangerous: true },
      ],
      dangerousIntents: ['stop.pumps'],
    });
  });
  after(async () => {
    await stack.stop();
    await flow.close();
  });

  async function keyOf(tenant: string, ...scopes: Scope[]): Promise<Headers> {
    const random = (bytes: number) => Buffer.from(crypto.getRandomValues(new Uint8Array(bytes))).toString('hex');
    const { key, id, record } = newApiKey(random, { tenant, scopes, createdAt: Date.now() });
    await stack.control.commit([{ kind: 'create', collection: 'keys', id, data: { ...record } }]);
    return { authorization: `Bearer ${key}` };
  }
  const ask = <T = Job>(body: object, headers: Headers) => stack.post<T>('/orchestrate', body, headers);
  const sent = (path: string) => flow.received.filter((one) => one.path === path).length;

  it('are their own: the same name, inputs and key are another job, and nobody reads theirs', async () => {
    const [acme, other] = [await keyOf('acme', 'admin'), await keyOf('other', 'admin')];
    for (const [headers, path] of [
      [acme, '/acme'],
      [other, '/other'],
    ] as const)
      assert.equal((await stack.put('/intents/report', { mode: 'flow', target: flow.url + path }, headers)).status, 200);
    const body = { intent: 'report', inputs: { day: 1 }, idempotency_key: 'monday' };
    const [mine, theirs] = [await ask(body, acme), await ask(body, other)];
    assert.deepEqual([mine.body.result, theirs.body.result], [{ from: '/acme' }, { from: '/other' }]);
    assert.notEqual(mine.body.job_id, theirs.body.job_id);
    const read = await stack.get<Refusal>(`/jobs/${theirs.body.job_id}`, acme);
    const none = await stack.get<Refusal>(`/jobs/job_${'f'.repeat(32)}`, acme);
    assert.deepEqual([read.status, read.body.code], [none.status, none.body.code]);
    assert.equal((await stack.delete('/intents/report?mode=flow', acme)).status, 200);
    const { intents } = (await stack.get<{ intents: { name: string }[] }>('/intents', other)).body;
    assert.ok(intents.some(({ name }) => name === 'report'));
  });

  it('are set by administrators alone, and asked for by who may dispatch', async () => {
    const [reader, dispatcher] = [await keyOf('acme', 'read'), await keyOf('acme', 'dispatch')];
    for (const headers of [reader, dispatcher]) {
      const { status } = await stack.put('/intents/mine', { mode: 'flow', target: flow.url }, headers);
      assert.equal(status, 403);
      assert.equal((await stack.delete('/intents/mine?mode=flow', headers)).status, 403);
    }
    assert.equal((await ask({ intent: 'stop.pumps', inputs: {} }, reader)).status, 403);
    assert.equal((await stack.get('/intents', dispatcher)).status, 403);
    assert.equal((await stack.post('/orchestrate', { intent: 'stop.pumps', inputs: {} }, { authorization: 'none' })).status, 401);
    assert.equal(sent('/pumps'), 0);
  });

  it('that are dangerous need the scope, and the operator’s leave; to administer is not enough', async () => {
    const confirmed = (intent: string) => ({ intent, inputs: { confirm_dangerous: true } });
    const [admin, cleared] = [await keyOf('acme', 'admin'), await keyOf('acme', 'dispatch', 'dangerous')];
    const refused = await ask<Refusal>(confirmed('stop.pumps'), admin);
    assert.deepEqual([refused.status, refused.body.code], [403, 'not_cleared']);
    const notAllowed = await ask<Refusal>(confirmed('stop.all'), cleared);
    assert.deepEqual([notAllowed.status, notAllowed.body.code], [403, 'not_cleared']);
    const unconfirmed = await ask({ intent: 'stop.pumps', inputs: { confirm_dangerous: 'true' } }, cleared);
    assert.equal(unconfirmed.body.result?.dry_run, true);
    // A task of the same agent, whoever dispatches it, was cleared by nobody.
    const packet = { agent: 'flow:stop.pumps', payload: { confirm_dangerous: true } };
    const dispatched = await stack.post<{ result: { dry_run?: boolean } }>('/dispatch', packet, cleared);
    assert.equal(dispatched.body.result.dry_run, true);
    assert.deepEqual([sent('/pumps'), sent('/all')], [0, 0]);
    assert.equal((await ask(confirmed('stop.pumps'), cleared)).body.status, 'success');
    assert.equal(sent('/pumps'), 1);
  });

  it('that are dangerous and dead are given another life by who may do what is dangerous', async () => {
    const [dispatcher, cleared] = [await keyOf('acme', 'dispatch'), await keyOf('acme', 'dispatch', 'dangerous')];
    flow.answer = () => ({ status: 503 });
    const { body } = await ask({ intent: 'stop.pumps', inputs: { confirm_dangerous: true, again: 1 } }, cleared);
    assert.equal(body.status, 'error');
    const before = sent('/pumps');
    const id = body.job_id.replace('job_', '');
    const refused = await stack.post<Refusal>(`/task/${id}/redrive`, {}, dispatcher);
    assert.deepEqual([refused.status, refused.body.code, sent('/pumps')], [403, 'not_cleared', before]);
    flow.answer = ({ path }) => ({ status: 200, body: { from: path } });
    assert.equal((await stack.post(`/task/${id}/redrive`, {}, cleared)).status, 202);
    await until(() => sent('/pumps') === before + 1);
  });

  it('are refused with 429 above the rate of their credentials, which says when to ask again', async () => {
    const limited = await embeddedStack({ auth: 'required', 'limits.requestsPerMinute': 5 });
    try {
      const random = (bytes: number) => Buffer.from(crypto.getRandomValues(new Uint8Array(bytes))).toString('hex');
      const { key, id, record } = newApiKey(random, { tenant: 'acme', scopes: ['dispatch'], createdAt: Date.now() });
      await limited.control.commit([{ kind: 'create', collection: 'keys', id, data: { ...record } }]);
      const asked = () => limited.post<Refusal>('/orchestrate', { intent: 'none', inputs: {} }, { authorization: `Bearer ${key}` });
      const replies = [];
      for (let time = 0; time < 7; time += 1) replies.push(await asked());
      assert.deepEqual(
        replies.map(({ status }) => status),
        [422, 422, 422, 422, 422, 429, 429],
      );
      const last = replies.at(-1);
      assert.equal(last?.body.code, 'rate_limited');
      assert.ok(Number(last?.headers.get('retry-after')) >= 1);
    } finally {
      await limited.stop();
    }
  });
});
