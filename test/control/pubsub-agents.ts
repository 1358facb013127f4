import assert from 'node:assert/strict';
import { setTimeout as pause } from 'node:timers/promises';
import { subscriptionName } from '../../functions/core/registry/agent-subscription.ts';
import { agentId } from '../../functions/core/registry/registry.ts';
import { until } from '../support/folder.ts';
import { type PubsubAgent, type Pushed, pubsubAgent } from '../support/pubsub-agent.ts';
import type { Refusal, TestStack, View } from '../support/stack.ts';

const EMAIL = 'their-agent@their-project.iam.gserviceaccount.com';
const events = ({ timeline }: View): string[] => timeline.map(({ event }) => event);

/** What has to be the same on every runtime. */
export function agentsWithTheirOwnSubscription(stackOf: () => TestStack): void {
  let agent: PubsubAgent;
  const agents: PubsubAgent[] = [];
  let made = 0;
  let name: string;
  const another = async (): Promise<PubsubAgent> => {
    const one = await pubsubAgent(stackOf());
    agents.push(one);
    return one;
  };
  beforeEach(async () => {
    agent = await another();
    made += 1;
    name = `own ${made}`;
  });
  afterEach(async () => {
    for (const path of [name, `${name}b`]) await stackOf().delete(`/agents/${encodeURIComponent(path)}`);
    await Promise.all(agents.splice(0).map((one) => one.close()));
  });

  const register = async (more: object = {}) => {
    const endpoint = `${agent.url}/push?key=1`;
    const { status, body } = await stackOf().post<object>('/register-agent', {
      name,
      endpoint,
      handler_type: 'pubsub',
      priceCents: 3,
      ...more,
    });
    assert.deepEqual([status, body], [200, { status: 'success', agent_name: (more as { name?: string }).name ?? name }]);
  };
  const dispatch = async (more: object = {}): Promise<View> => {
    const { status, body } = await stackOf().dispatch({ agent: name, mode: 'pubsub', payload: { n: 1 }, ...more });
    assert.equal(status, 202, JSON.stringify(body));
    return body;
  };
  const pushedFor = async (id: string, to = agent, nth = 1): Promise<Pushed> => {
    const its = () => to.pushed.filter(({ run }) => run.taskId === id);
    await until(() => its().length >= nth, 15_000);
    return its()[nth - 1] as Pushed;
  };
  const claim = async (id: string, email = EMAIL, more: object = {}) => {
    const token = await stackOf().local.issuer.token({ email, audience: stackOf().local.functionUrls.dispatch as string });
    const body = { agent: name, requestId: `request-${Math.random()}`, quoteCents: 0, timeLimitMs: 60_000, ...more };
    return stackOf().post<
      { kind: string; attempt: { epoch: number; outcomeToken: string; payload: unknown; work?: unknown } } & Refusal
    >(`/task/${id}/claim`, body, { authorization: `Bearer ${token}` });
  };
  const report = (id: string, { epoch, outcomeToken }: { epoch: number; outcomeToken?: string }, outcome: object) =>
    stackOf().post<{ status: string } & Refusal>(`/task-update/${id}`, { epoch, outcomeToken, outcome });
  const done = (result: unknown, costCents = 2) => ({ status: 'succeeded', result, costCents });

  describe('that claims', () => {
    it('is pushed its tasks with a token of the account for agents, claims over HTTPS and reports', async () => {
      await register({ email: EMAIL });
      const { id } = await dispatch();
      const { run, path, attributes, subscription, deliveryAttempt } = await pushedFor(id);
      assert.deepEqual([run.agent, run.payload, run.attempt, path], [name, { n: 1 }, 1, '/push?key=1']);
      assert.deepEqual([attributes.agent, attributes.direct], [name, agentId('default', name)]);
      assert.match(subscription, new RegExp(`/subscriptions/${subscriptionName('default', name)}$`));
      assert.equal(deliveryAttempt, 1);
      for (const field of ['core', 'version', 'outcomeToken']) assert.equal(field in run, false, field);
      assert.equal('signature' in attributes, false);
      const claimed = await claim(id);
      assert.deepEqual([claimed.status, claimed.body.kind, claimed.body.attempt.payload], [200, 'claimed', { n: 1 }]);
      assert.equal((await report(id, claimed.body.attempt, done({ v: 1 }))).status, 200);
      const view = await stackOf().ended(id);
      assert.deepEqual([view.status, view.result, view.costCents, view.attempts], ['succeeded', { v: 1 }, 2, 1]);
      assert.deepEqual(agent.refused, []);
    });

    it('is told what kind of work it is, in the message and by the claim', async () => {
      await register({ email: EMAIL });
      const { id } = await dispatch({ work: { module_name: 'shop' } });
      const { run } = await pushedFor(id);
      const { attempt } = (await claim(id)).body;
      assert.deepEqual([run.work, attempt.work], [{ module_name: 'shop' }, { module_name: 'shop' }]);
    });

    it('takes http mode for pubsub: there is no place to call it at', async () => {
      await register({ email: EMAIL });
      const { body } = await stackOf().dispatch({ agent: name, payload: {} });
      assert.equal(body.status, 'queued');
      await pushedFor(body.id);
    });

    it('is the only one to claim them, at its registered price', async () => {
      await register({ email: EMAIL });
      const { id } = await dispatch();
      await pushedFor(id);
      for (const [email, more] of [
        ['somebody@else.iam.gserviceaccount.com', {}],
        [EMAIL, { agent: 'codex' }],
        [EMAIL, { agent: 'light' }],
        [EMAIL, { agent: 'nobody' }],
      ] as const) {
        const { status, body } = await claim(id, email, more);
        assert.deepEqual([status, body.code], [403, 'forbidden'], JSON.stringify([email, more]));
      }
      // Whether there is a task is not said either.
      assert.equal((await claim('0123456789abcdef', EMAIL)).status, 403);
      const { attempt } = (await claim(id)).body;
      await report(id, attempt, done(1, 99));
      assert.equal((await stackOf().ended(id)).costCents, 3);
    });

    it('gets another attempt as every agent does, and is dead after the last', async () => {
      await register({ email: EMAIL });
      const { id } = await dispatch({ maxAttempts: 2 });
      for (const nth of [1, 2]) {
        await pushedFor(id, agent, nth);
        let claimed = await claim(id);
        for (; claimed.body.kind === 'later'; claimed = await claim(id)) await pause(50);
        const outcome = { status: 'retry', error: { code: 'busy', message: 'not now' }, retryAfterMs: 1 };
        await report(id, claimed.body.attempt, outcome);
      }
      const view = await stackOf().ended(id);
      assert.deepEqual([view.status, view.error?.code, view.attempts], ['dead', 'attempts_exhausted', 2]);
    });
  });

  describe('that does not claim', () => {
    beforeEach(() => register({ claims: false }));

    it('gets its task running already, with the proof, and hands it back at /task-update', async () => {
      const { id, status, attempts } = await dispatch({ idempotencyKey: `once ${name}` });
      assert.deepEqual([status, attempts], ['running', 1]);
      const { run, attributes } = await pushedFor(id);
      assert.deepEqual([run.epoch, run.attempt, run.payload, run.idempotencyKey], [1, 1, { n: 1 }, id]);
      assert.equal('signature' in attributes || 'core' in run || 'version' in run, false);
      const noted = await stackOf().post(`/task-update/${id}`, { epoch: 1, outcomeToken: run.outcomeToken, note: 'half' });
      assert.equal(noted.status, 200);
      const wrong = await report(id, { epoch: 1, outcomeToken: `${run.outcomeToken}x` }, done(0));
      assert.equal(wrong.status, 401);
      assert.equal((await report(id, run, done({ v: 2 }))).status, 200);
      const view = await stackOf().ended(id);
      assert.deepEqual([view.status, view.result, view.costCents], ['succeeded', { v: 2 }, 2]);
      assert.deepEqual(events(view), ['queued', 'running', 'progress', 'succeeded']);
    });

    it('is told what kind of work it is', async () => {
      const { id } = await dispatch({ work: { module_name: 'shop' } });
      assert.deepEqual((await pushedFor(id)).run.work, { module_name: 'shop' });
    });

    it('may hand it back at /callbacks/ingest, or on the topic of results', async () => {
      const [one, two] = [await dispatch(), await dispatch()];
      const { run } = await pushedFor(one.id);
      const ingested = await stackOf().post<object>('/callbacks/ingest', {
        job_id: one.id,
        epoch: run.epoch,
        outcomeToken: run.outcomeToken,
        outcome: done('by the way'),
      });
      assert.equal(ingested.status, 200, JSON.stringify(ingested.body));
      const { run: other } = await pushedFor(two.id);
      const outcome = { status: 'succeeded', result: 'on the topic', costMicros: 10_000 };
      const { epoch, outcomeToken } = other;
      await stackOf().publish('results', { taskId: two.id, epoch, outcomeToken, outcome });
      assert.equal((await stackOf().ended(one.id)).result, 'by the way');
      const view = await stackOf().ended(two.id);
      assert.deepEqual([view.result, view.costCents], ['on the topic', 1]);
    });

    it('is leased until the ttl, longer than any lease, and expires then', async () => {
      const { id } = await dispatch({ ttlSeconds: 4 });
      await pushedFor(id);
      await pause(2_500);
      assert.equal((await stackOf().get(`/task/${id}`)).body.status, 'running');
      const view = await stackOf().ended(id, 20_000);
      assert.deepEqual([view.status, view.attempts, view.costCents], ['expired', 1, 3]);
      assert.equal(agent.pushed.filter(({ run }) => run.taskId === id).length, 1);
    });

    it('is not given what its price does not fit, nor what is past its ttl', async () => {
      const { status, body: view } = await stackOf().dispatch({ agent: name, mode: 'pubsub', budgetCents: 2 });
      assert.equal(status, 200);
      assert.deepEqual([view.status, view.error?.code, view.costCents], ['failed', 'budget_exceeded', 0]);
      assert.equal(agent.pushed.length, 0);
    });

    it('gets another attempt when it asks for one, and is dead after the last', async () => {
      const { id } = await dispatch({ maxAttempts: 2 });
      for (const nth of [1, 2]) {
        const { run } = await pushedFor(id, agent, nth);
        assert.deepEqual([run.epoch, run.attempt], [nth, nth]);
        await report(id, run, { status: 'retry', error: { code: 'busy', message: 'not now' }, retryAfterMs: 1, costCents: 1 });
      }
      const view = await stackOf().ended(id);
      assert.deepEqual([view.status, view.error?.code, view.costCents], ['dead', 'attempts_exhausted', 2]);
    });

    it('that takes nothing gets it again, and what it never takes is dead and costs nothing', async function () {
      this.timeout(60_000);
      agent.take = () => ({ status: 500 });
      const { id } = await dispatch({ maxAttempts: 2, ttlSeconds: 600 });
      const view = await stackOf().ended(id, 50_000);
      assert.deepEqual([view.status, view.error?.code, view.attempts, view.costCents], ['dead', 'attempts_exhausted', 2, 0]);
      assert.match(String(view.error?.message), /agent_unreachable/);
      assert.equal(agent.pushed.length, 10);
    });

    it('gets what waited for others only then', async () => {
      const first = await dispatch();
      const { id } = await dispatch({ dependencies: [first.id], payload: { n: 2 } });
      const { run } = await pushedFor(first.id);
      assert.equal((await stackOf().get(`/task/${id}`)).body.status, 'waiting');
      await report(first.id, run, done(1));
      const { run: next } = await pushedFor(id);
      await report(id, next, done(2));
      const view = await stackOf().ended(id);
      assert.deepEqual([view.result, events(view)], [2, ['waiting', 'queued', 'running', 'succeeded']]);
    });

    it('gets what is published straight to the topic', async () => {
      await stackOf().publish('tasks', { payload: { straight: 1 }, traceId: `straight ${name}` }, { agent: name });
      await until(() => agent.pushed.length > 0, 15_000);
      const { run } = agent.pushed[0] as Pushed;
      assert.deepEqual(run.payload, { straight: 1 });
      await report(run.taskId, run, done('done'));
      assert.equal((await stackOf().ended(run.taskId)).result, 'done');
    });
  });

  it('follows its registration: elsewhere, as another type, and not at all', async () => {
    await register({ claims: false });
    const { id } = await dispatch();
    const { run } = await pushedFor(id);
    await report(id, run, done(1));
    const moved = await another();
    await register({ claims: false, endpoint: `${moved.url}/elsewhere` });
    await until(async () => {
      const task = await dispatch();
      await until(() => [...agent.pushed, ...moved.pushed].some((one) => one.run.taskId === task.id), 15_000);
      return moved.pushed.some((one) => one.run.taskId === task.id);
    }, 15_000);
    assert.equal((await stackOf().get<{ endpoint: string }>(`/agents/${name}`)).body.endpoint, `${moved.url}/elsewhere`);

    const { status } = await stackOf().post('/register-agent', { name, handler_type: 'mock', result: 'mocked' });
    assert.equal(status, 200);
    await until(async () => {
      const task = await stackOf().dispatch({ agent: name, mode: 'pubsub', payload: {}, ttlSeconds: 5 });
      const { result } = await stackOf().ended(task.body.id, 20_000);
      return (result as unknown) === 'mocked';
    }, 30_000);

    await register({ claims: false });
    assert.equal((await stackOf().delete(`/agents/${name}`)).status, 200);
    await until(() => !(subscriptionName('default', name) in stackOf().local.counters()), 5_000);
    assert.equal((await stackOf().delete(`/agents/${name}`)).status, 404);
  });
}
