import assert from 'node:assert/strict';
import { setTimeout as pause } from 'node:timers/promises';
import { until } from '../support/folder.ts';
import { httpListener, type Listener } from '../support/http-listener.ts';
import type { View } from '../support/stack.ts';
import { type EmbeddedTestStack, embeddedStack } from '../support/stack-embedded.ts';
import { claimAsCodex, pushRaw } from '../support/stack-push.ts';

const events = ({ timeline }: View): string[] => timeline.map(({ event }) => event);

describe('the sweeper', function () {
  this.timeout(30_000);
  let stack: EmbeddedTestStack;
  let receiver: Listener;
  before(async () => {
    receiver = await httpListener();
    stack = await embeddedStack({
      'times.republishMs': 300,
      'times.republishMaximumMs': 900,
      'times.leaseMarginMs': 1_000,
      'times.leaseMaximumMs': 1_000,
      'times.resultGraceMs': 500,
      'times.sweepMs': 250,
    });
  });
  after(async () => {
    await stack.stop();
    await receiver.close();
  });
  afterEach(() => {
    stack.fate = () => 'out';
  });

  const losing = (...topics: string[]) => {
    stack.fate = (topic) => (topics.includes(topic) ? 'lost' : 'out');
  };
  const view = async (id: string): Promise<View> => (await stack.get(`/task/${id}`)).body;
  async function claimed(packet: object = {}) {
    losing('tasks');
    const { body } = await stack.dispatch({ agent: 'codex', mode: 'pubsub', ttlSeconds: 60, ...packet });
    const { attempt } = (await claimAsCodex(stack, body.id)).body;
    const update = (outcome: object) =>
      stack.post(`/task-update/${body.id}`, { epoch: attempt.epoch, outcomeToken: attempt.outcomeToken, outcome });
    return { id: body.id, update };
  }

  for (const fate of ['lost', 'failed'] as const) {
    it(`publishes again what was ${fate === 'lost' ? 'published and lost' : 'never published'}`, async () => {
      let times = 0;
      stack.fate = (topic) => (topic === 'tasks' && ++times <= 3 ? fate : 'out');
      const view = await stack.run({ agent: 'codex', payload: { n: 1 } });
      assert.deepEqual([view.status, view.attempts, view.costCents, times], ['succeeded', 1, 5, 4]);
      assert.deepEqual(events(view), ['queued', 'running', 'succeeded']);
    });
  }

  it('doubles the wait per task, up to its maximum', async () => {
    const at: number[] = [];
    stack.fate = (topic) => {
      if (topic !== 'tasks') return 'out';
      at.push(Date.now());
      return at.length < 5 ? 'lost' : 'out';
    };
    await stack.run({});
    const waits = at.slice(1).map((time, index) => time - (at[index] as number));
    assert.ok(
      waits.slice(1).every((wait) => wait >= 500 && wait < 2_500),
      String(waits),
    );
  });

  it('leaves a task alone until lease and grace are over, however early it looks', async () => {
    const { id } = await claimed();
    const { task, version } = await stack.stored(id);
    await stack.documents.commit([{ kind: 'update', collection: 'tasks', id, version, set: { wakeAt: Date.now() } }]);
    const ends = (task.leasedAt ?? 0) + (task.leaseMs ?? 0) + 500;
    await until(async () => (await stack.stored(id)).task.wakeAt === ends);
    await until(async () => Date.now() > ends - 100);
    assert.equal((await view(id)).status, 'running');
  });

  it('takes back a task whose agent has gone, after lease and grace, and it runs again', async () => {
    const { id } = await claimed();
    const started = Date.now();
    stack.fate = () => 'out';
    const ended = await stack.ended(id);
    assert.deepEqual([ended.status, ended.attempts, ended.costCents], ['succeeded', 2, 10]);
    assert.deepEqual(events(ended), ['queued', 'running', 'retry', 'running', 'succeeded']);
    assert.equal(ended.timeline[2]?.code, 'lease_lost');
    assert.ok(Date.now() - started >= 1_400, 'it was taken back too early');
  });

  it('lets a success count that comes after the task was taken back, and settles each attempt once', async () => {
    const { id, update } = await claimed();
    const queued = await stack.reaches(id, 'queued');
    assert.equal(queued.costCents, 5);
    await update({ status: 'succeeded', result: 'late', costCents: 2 });
    const ended = await stack.ended(id);
    assert.deepEqual([ended.status, ended.result, ended.attempts, ended.costCents], ['succeeded', 'late', 1, 2]);
    await update({ status: 'succeeded', result: 'again', costCents: 1 });
    assert.deepEqual(await view(id), ended);
  });

  it('ends a task as dead whose last attempt is lost, and a late report still lowers its charge', async () => {
    const { id, update } = await claimed({ maxAttempts: 1 });
    const dead = await stack.ended(id);
    assert.deepEqual([dead.status, dead.error?.code, dead.costCents], ['dead', 'attempts_exhausted', 5]);
    await update({ status: 'succeeded', result: 'too late', costCents: 1 });
    const settled = await view(id);
    assert.deepEqual([settled.status, settled.result, settled.costCents], ['dead', undefined, 1]);
    await update({ status: 'failed', costCents: 0.5 });
    assert.equal((await view(id)).costCents, 1);
  });

  it('cancels what was to be cancelled when its agent has gone', async () => {
    const { id } = await claimed();
    assert.equal((await stack.post(`/task/${id}/cancel`, {})).status, 202);
    assert.deepEqual([(await stack.ended(id)).status, (await view(id)).costCents], ['cancelled', 5]);
  });

  it('expires what stayed queued or running beyond its ttl', async () => {
    losing('tasks');
    const queued = (await stack.dispatch({ mode: 'pubsub', ttlSeconds: 0.5 })).body.id;
    const { id: running } = await claimed({ ttlSeconds: 0.7 });
    const [one, two] = [await stack.ended(queued), await stack.ended(running)];
    assert.deepEqual([one.status, one.error?.code, one.costCents], ['expired', 'ttl_expired', 0]);
    assert.deepEqual([two.status, two.error?.code, two.costCents], ['expired', 'ttl_expired', 5]);
  });

  it('says of an expired task why its last attempt had failed', async () => {
    const view = await stack.run({ agent: 'codex', payload: { fail: 'retry' }, maxAttempts: 20, budgetCents: 1000, ttlSeconds: 1 });
    assert.equal(view.status, 'expired');
    assert.equal(view.costCents, 5 * view.attempts);
  });

  it('releases what waits', async () => {
    const waiting = (await stack.dispatch({ notBefore: Date.now() / 1000 + 0.4 })).body;
    assert.deepEqual([waiting.status, (await stack.ended(waiting.id)).status], ['waiting', 'succeeded']);
  });

  it('asks again for a callback that could not be asked for', async () => {
    let times = 0;
    stack.fate = (topic) => (topic === 'callbacks' && ++times <= 8 ? 'failed' : 'out');
    const { body } = await stack.dispatch({ mode: 'pubsub', callbackUrl: `${receiver.url}/again` });
    assert.equal((await stack.ended(body.id)).status, 'succeeded');
    await until(() => receiver.received.length === 1, 8_000);
    await pause(300);
    assert.equal(receiver.received.length, 1);
    assert.equal((await stack.stored(body.id)).task.pending, undefined);
  });

  it('does no harm when twenty sweeps run at once', async () => {
    let times = 0;
    stack.fate = (topic) => (topic === 'tasks' && ++times <= 1 ? 'lost' : 'out');
    const { body } = await stack.dispatch({ agent: 'codex', mode: 'pubsub' });
    await pause(350);
    const statuses = await Promise.all(Array.from({ length: 20 }, () => pushRaw(stack, 'sweeper', '/sweep', {})));
    assert.deepEqual([...new Set(statuses)], [200]);
    const ended = await stack.ended(body.id);
    assert.deepEqual([ended.attempts, ended.costCents, events(ended)], [1, 5, ['queued', 'running', 'succeeded']]);
  });
});
