import assert from 'node:assert/strict';
import { claim } from '../../functions/core/claim.ts';
import { close } from '../../functions/core/close.ts';
import { createTask } from '../../functions/core/create.ts';
import { retry } from '../../functions/core/lease.ts';
import { packetSchema, timed } from '../../functions/core/packet.ts';
import { type EmbeddedTestStack, embeddedStack } from '../support/stack-embedded.ts';

describe('an outcome of an attempt that another one has followed', () => {
  let stack: EmbeddedTestStack;
  before(async () => {
    stack = await embeddedStack({ 'times.republishMs': 60_000 });
  });
  after(() => stack.stop());

  /** A task whose second attempt runs. */
  async function runningAgain(): Promise<{ id: string; ttlMs: number }> {
    const runtime = stack.runtime('dispatch');
    const packet = timed(packetSchema.parse({ agent: 'light', payload: {} }), Date.now());
    const agent = runtime.agents.find('light');
    assert.ok(agent !== undefined && !('rule' in packet));
    const { known } = await createTask(runtime, { tenant: 'default', agent, packet, by: 'test' });
    const claimed = (requestId: string) => claim(runtime, known.id, { requestId, quoteMicros: 1, timeLimitMs: 60_000 });
    assert.equal((await claimed('first')).kind, 'claimed');
    await retry(runtime, known.id, 1, { error: { code: 'busy', message: 'm' }, retryAfterMs: 0 });
    assert.equal((await claimed('second')).kind, 'claimed');
    return { id: known.id, ttlMs: packet.ttl * 1000 };
  }

  it('closes the task where it is a success that came in time', async () => {
    const { id, ttlMs } = await runningAgain();
    await close(stack.runtime('results'), id, { status: 'succeeded', result: 1, endedAt: ttlMs }, 1);
    const { task } = await stack.stored(id);
    assert.deepEqual([task.status, task.closedEpoch], ['succeeded', 1]);
  });

  it('does not expire the task where it came too late: the newer attempt may still have ended in time', async () => {
    const { id, ttlMs } = await runningAgain();
    const late = await close(stack.runtime('results'), id, { status: 'succeeded', result: 1, endedAt: ttlMs + 1 }, 1);
    assert.deepEqual([late.kind, (await stack.stored(id)).task.status], ['dropped', 'running']);
    await close(stack.runtime('results'), id, { status: 'succeeded', result: 2, endedAt: ttlMs - 1 }, 2);
    const { task } = await stack.stored(id);
    assert.deepEqual([task.status, task.result], ['succeeded', 2]);
  });
});
