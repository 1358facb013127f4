import assert from 'node:assert/strict';
import { until } from '../support/folder.ts';
import type { View } from '../support/stack.ts';
import { type EmbeddedTestStack, embeddedStack } from '../support/stack-embedded.ts';
import { claimAsCodex, push, traced } from '../support/stack-push.ts';

describe('dead letters', function () {
  this.timeout(30_000);
  let stack: EmbeddedTestStack;
  before(async () => {
    stack = await embeddedStack({ 'times.republishMs': 600, 'times.republishMaximumMs': 600 });
  });
  after(() => stack.stop());
  afterEach(() => {
    stack.fate = () => 'out';
  });

  const dead = (data: unknown, attributes: Record<string, string> = {}) =>
    push(stack, 'dead-letters', '/pubsub/dead-tasks', { data, attributes });
  const view = async (id: string): Promise<View> => (await stack.get(`/task/${id}`)).body;
  const rounds = ({ timeline }: View) => timeline.filter(({ event }) => event === 'dead_lettered').map(({ round }) => round);
  async function lost(packet: object = {}): Promise<string> {
    stack.fate = (topic) => (topic === 'tasks' ? 'lost' : 'out');
    return (await stack.dispatch({ mode: 'pubsub', agent: 'codex', ...packet })).body.id;
  }

  it('of a task that can be run after all: it is queued again and runs', async () => {
    const id = await lost();
    assert.equal(await dead({ taskId: id }), 204);
    const queued = await view(id);
    assert.deepEqual([queued.status, rounds(queued)], ['queued', [1]]);
    stack.fate = () => 'out';
    const ended = await stack.ended(id);
    assert.deepEqual([ended.status, ended.attempts, ended.costCents], ['succeeded', 1, 5]);
  });

  it('of a task that no agent claims: undeliverable after the third round, and free of charge', async () => {
    const id = await lost();
    for (let round = 0; round < 3; round++) assert.equal(await dead({ taskId: id }), 204);
    const ended = await view(id);
    assert.deepEqual([ended.status, ended.error?.code, ended.costCents, ended.attempts], ['dead', 'undeliverable', 0, 0]);
    assert.deepEqual(rounds(ended), [1, 2]);
    stack.fate = () => 'out';
    assert.equal((await stack.post(`/task/${id}/redrive`, {})).status, 202);
    assert.equal((await stack.ended(id)).status, 'succeeded');
  });

  it('of an attempt that an agent has claimed: its proof takes nothing back, neither the run nor what it costs', async () => {
    const id = await lost();
    const { epoch, outcomeToken } = (await claimAsCodex(stack, id)).body.attempt;
    assert.equal(await dead({ taskId: id, epoch, outcomeToken }), 204);
    const running = await view(id);
    assert.deepEqual([running.status, running.attempts, rounds(running)], ['running', 1, []]);
    await stack.post(`/task-update/${id}`, { epoch, outcomeToken, outcome: { status: 'succeeded' } });
    const ended = await stack.ended(id);
    assert.deepEqual([ended.status, ended.attempts, ended.costCents], ['succeeded', 1, 5]);
  });

  it('counts one round for each dead letter, however often and in whatever order they come', async () => {
    const id = await lost();
    const twice = ['first', 'second', 'first', 'second', 'first'].map((name) => `${name} of ${id}`);
    for (const messageId of twice) {
      assert.equal(await push(stack, 'dead-letters', '/pubsub/dead-tasks', { data: { taskId: id }, messageId }), 204);
    }
    const queued = await view(id);
    assert.deepEqual([queued.status, rounds(queued)], ['queued', [1, 2]]);
    const again = { data: { taskId: id }, messageId: `first of ${id}` };
    const replies = await Promise.all(Array.from({ length: 5 }, () => push(stack, 'dead-letters', '/pubsub/dead-tasks', again)));
    assert.deepEqual(new Set(replies), new Set([204]));
    assert.deepEqual(rounds(await view(id)), [1, 2]);
    stack.fate = () => 'out';
    assert.equal((await stack.ended(id)).status, 'succeeded');
  });

  it('counts rounds anew after a claim', async () => {
    const id = await lost();
    for (let round = 0; round < 2; round++) await dead({ taskId: id });
    const { attempt } = (await claimAsCodex(stack, id)).body;
    const proof = { epoch: attempt.epoch, outcomeToken: attempt.outcomeToken };
    await stack.post(`/task-update/${id}`, { ...proof, outcome: { status: 'retry', retryAfterMs: 0 } });
    assert.equal((await view(id)).status, 'queued');
    await dead({ taskId: id });
    assert.deepEqual([(await view(id)).status, rounds(await view(id))], ['queued', [1, 2, 1]]);
  });

  it('of a task whose agent asked for a long pause: nothing, and it runs after the pause', async () => {
    const id = await lost();
    const { attempt } = (await claimAsCodex(stack, id)).body;
    const proof = { epoch: attempt.epoch, outcomeToken: attempt.outcomeToken };
    await stack.post(`/task-update/${id}`, { ...proof, outcome: { status: 'retry', retryAfterMs: 1_000 } });
    const paused = await view(id);
    for (let round = 0; round < 4; round++) assert.equal(await dead({ taskId: id }), 204);
    assert.deepEqual(await view(id), paused);
    stack.fate = () => 'out';
    const ended = await stack.ended(id);
    assert.deepEqual([ended.status, ended.attempts, rounds(ended)], ['succeeded', 2, []]);
  });

  it('of a running or ended task: nothing', async () => {
    const id = await lost();
    const { attempt } = (await claimAsCodex(stack, id)).body;
    const running = await view(id);
    assert.equal(await dead({ taskId: id }), 204);
    assert.deepEqual(await view(id), running);
    const proof = { epoch: attempt.epoch, outcomeToken: attempt.outcomeToken };
    await stack.post(`/task-update/${id}`, { ...proof, outcome: { status: 'succeeded' } });
    const ended = await view(id);
    assert.equal(await dead({ taskId: id }), 204);
    assert.deepEqual(await view(id), ended);
  });

  it('of a message without a task: it becomes one', async () => {
    assert.equal(await dead({ payload: { d: 1 } }, { agent: 'codex', traceId: 'adopted-dead' }), 204);
    assert.equal((await traced(stack, 'adopted-dead')).status, 'succeeded');
  });

  it('of a message without a task, for an agent that a tenant has registered', async () => {
    await stack.post('/register-agent', { name: 'registered', handler_type: 'mock', result: 'done' });
    assert.equal(await dead({ payload: {} }, { agent: 'registered', traceId: 'adopted-registered' }), 204);
    assert.equal((await traced(stack, 'adopted-registered')).result, 'done');
  });

  const flawed: [string, unknown, string][] = [
    ['no JSON', 'x', 'invalid_json'],
    ['an unknown task', { taskId: 'none' }, 'unknown_task'],
    ['an inadmissible packet', { payload: 1 }, 'invalid_fields'],
    ['an unknown agent', { payload: {}, agent: 'nobody' }, 'agent_not_found'],
  ];
  for (const [name, data, code] of flawed) {
    it(`with ${name} are quarantined`, async () => {
      const messageId = `dead ${name}`;
      assert.equal(await push(stack, 'dead-letters', '/pubsub/dead-tasks', { data, messageId }), 204);
      const kept = (await stack.quarantined()).filter((document) => document.data.messageId === messageId);
      assert.deepEqual(
        kept.map((document) => document.data.code),
        [code],
      );
    });
  }

  it('come by themselves after five refused deliveries, and the task outlives them', async () => {
    const { body } = await stack.dispatch({
      agent: 'codex',
      mode: 'pubsub',
      payload: { fail: 'retry' },
      maxAttempts: 8,
      ttlSeconds: 60,
    });
    const ended = await stack.ended(body.id, 25_000);
    assert.deepEqual([ended.status, ended.attempts, ended.costCents, ended.error?.code], ['dead', 8, 40, 'attempts_exhausted']);
    await until(() => (stack.local.counters()['sub-dead-tasks']?.acked ?? 0) > 0);
  });
});
