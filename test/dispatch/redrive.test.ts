import assert from 'node:assert/strict';
import type { Refusal } from '../support/stack.ts';
import { type EmbeddedTestStack, embeddedStack } from '../support/stack-embedded.ts';

describe('redrive', function () {
  this.timeout(20_000);
  let stack: EmbeddedTestStack;
  before(async () => {
    stack = await embeddedStack();
  });
  after(() => stack.stop());

  it('gives the dead a new life: attempts from zero, a fresh budget, epochs and costs go on', async () => {
    const dead = await stack.run({ agent: 'codex', payload: { fail: 'retry' }, maxAttempts: 2 });
    assert.deepEqual([dead.status, dead.costCents], ['dead', 10]);
    const { status, body } = await stack.post(`/task/${dead.id}/redrive`, { ttlSeconds: 60 });
    assert.deepEqual([status, body.status, body.error, body.attempts], [202, 'queued', undefined, 0]);
    const again = await stack.ended(dead.id);
    assert.deepEqual([again.status, again.attempts, again.costCents], ['dead', 2, 20]);
    assert.deepEqual(
      again.timeline.filter(({ event }) => event === 'running').map(({ epoch }) => epoch),
      [1, 2, 4, 5],
    );
  });

  it('takes an empty object as body, and refuses unknown fields and bad times', async () => {
    const dead = await stack.run({ agent: 'codex', payload: { fail: 'retry' }, maxAttempts: 1 });
    for (const body of [{ ttlSeconds: 0 }, { ttlSeconds: '5' }, { ttl: 5 }, { ttlSeconds: 604_801 }]) {
      assert.equal((await stack.post(`/task/${dead.id}/redrive`, body)).status, 422);
    }
    assert.equal((await stack.post(`/task/${dead.id}/redrive`, {})).status, 202);
    assert.equal((await stack.ended(dead.id)).status, 'dead');
  });

  const others: [string, Record<string, unknown>][] = [
    ['succeeded', {}],
    ['failed', { budgetCents: 1 }],
    ['expired', { ttlSeconds: 0.000_001 }],
  ];
  for (const [status, packet] of others) {
    it(`refuses what has ${status}`, async () => {
      const view = await stack.run(packet);
      assert.equal(view.status, status);
      const reply = await stack.post<Refusal>(`/task/${view.id}/redrive`, {});
      assert.deepEqual([reply.status, reply.body.code], [409, 'task_not_dead']);
      assert.deepEqual((await stack.get(`/task/${view.id}`)).body, view);
    });
  }

  it('asks for the callback of the life before, where that could not be', async () => {
    stack.fate = (topic) => (topic === 'callbacks' ? 'failed' : 'out');
    const packet = { agent: 'codex', payload: { fail: 'retry' }, maxAttempts: 1, callbackUrl: `${stack.url}/nowhere` };
    const dead = await stack.run(packet);
    let asked = 0;
    // The sweeper would ask for it as well, and the next life for its own.
    stack.fate = (topic, from) => {
      if (topic === 'callbacks' && from === 'dispatch') asked += 1;
      if (topic === 'tasks') return 'lost';
      return topic === 'callbacks' && from !== 'dispatch' ? 'failed' : 'out';
    };
    const { status } = await stack.post(`/task/${dead.id}/redrive`, {});
    stack.fate = () => 'out';
    assert.deepEqual([status, asked], [202, 1]);
  });

  it('stands when the topic cannot be reached: the sweeper publishes it', async () => {
    const dead = await stack.run({ agent: 'codex', payload: { fail: 'retry' }, maxAttempts: 1 });
    stack.fate = (topic, from) => (topic === 'tasks' && from === 'dispatch' ? 'failed' : 'out');
    const { status, body } = await stack.post(`/task/${dead.id}/redrive`, {});
    assert.deepEqual([status, body.status], [202, 'queued']);
    assert.equal((await stack.ended(dead.id)).costCents, 10);
    stack.fate = () => 'out';
  });

  it('happens once, however many ask at once', async () => {
    const dead = await stack.run({ agent: 'codex', payload: { fail: 'retry' }, maxAttempts: 1 });
    const replies = await Promise.all(Array.from({ length: 20 }, () => stack.post<Refusal>(`/task/${dead.id}/redrive`, {})));
    assert.equal(replies.filter(({ status }) => status === 202).length + replies.filter(({ status }) => status === 409).length, 20);
    const again = await stack.ended(dead.id);
    const redriven = again.timeline.filter(({ event }) => event === 'redriven').length;
    assert.equal(redriven, replies.filter(({ status }) => status === 202).length);
    assert.equal(again.costCents, 5 + 5 * redriven);
  });
});
