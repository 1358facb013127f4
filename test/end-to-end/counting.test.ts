import assert from 'node:assert/strict';
import { until } from '../support/folder.ts';
import { type EmbeddedTestStack, embeddedStack } from '../support/stack-embedded.ts';

const TASKS = 50;

describe('what a task costs in documents and messages', function () {
  this.timeout(20_000);
  let stack: EmbeddedTestStack;
  before(async () => {
    // A sweep reads, whatever there is to do; and each instance reads a tenant's limits and switches now and then.
    stack = await embeddedStack({ 'times.sweepMs': 59_999, 'times.limitsCacheMs': 59_999, 'times.switchesMs': 9_000 });
    await stack.post('/register-agent', { name: 'registered', handler_type: 'mock' });
    for (const agent of ['light', 'registered']) await stack.run({ agent });
  });
  after(() => stack.stop());

  const results = () => stack.local.counters()['sub-results']?.acked ?? 0;

  async function counted(packet: Record<string, unknown>) {
    const before = { ...stack.counts };
    const answered = results();
    await Promise.all(
      Array.from({ length: TASKS }, (_, n) =>
        stack.dispatch({ mode: 'pubsub', payload: { n }, idempotencyKey: `${packet.agent} ${n}`, ...packet }),
      ),
    );
    await until(() => results() === answered + TASKS);
    const { reads, writes, publishes } = stack.counts;
    return { reads: reads - before.reads, writes: writes - before.writes, publishes: publishes - before.publishes };
  }

  it('is three writes, no read and two publishes on the happy path', async () => {
    assert.deepEqual(await counted({ agent: 'light' }), { reads: 0, writes: 3 * TASKS, publishes: 2 * TASKS });
    const { body } = await stack.get<{ tasks: { status: string }[] }>('/tasks?limit=200');
    assert.equal(body.tasks.filter(({ status }) => status === 'succeeded').length, TASKS + 2);
  });

  it('is the same for an agent that a tenant has registered, once an instance knows it', async () => {
    assert.deepEqual(await counted({ agent: 'registered' }), { reads: 0, writes: 3 * TASKS, publishes: 2 * TASKS });
  });

  it('is one read and no write for a repeat', async () => {
    const before = { ...stack.counts };
    await stack.dispatch({ mode: 'pubsub', payload: { n: 0 }, idempotencyKey: 'light 0' });
    assert.deepEqual(stack.counts, { ...before, reads: before.reads + 1 });
  });

  it('is nothing for what is refused, but a look for an agent that is not known: it may just have been registered', async () => {
    const before = { ...stack.counts };
    await Promise.all([
      stack.dispatch({ ttl: -1 }),
      stack.dispatch({ agent: 'nobody' }),
      stack.dispatch({ callbackUrl: 'http://10.0.0.1/' }),
    ]);
    assert.deepEqual(stack.counts, { ...before, reads: before.reads + 1 });
  });
});
