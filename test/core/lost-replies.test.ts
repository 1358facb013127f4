import assert from 'node:assert/strict';
import { adopt } from '../../functions/core/adopt.ts';
import { claim } from '../../functions/core/claim.ts';
import { createTask } from '../../functions/core/create.ts';
import { retry } from '../../functions/core/lease.ts';
import { packetSchema, timed } from '../../functions/core/packet.ts';
import { type Documents, PreconditionFailed, type Write, type Written } from '../../functions/core/ports.ts';
import type { Runtime } from '../../functions/core/runtime.ts';
import { redrive } from '../../functions/dispatch/redrive.ts';
import { type EmbeddedTestStack, embeddedStack } from '../support/stack-embedded.ts';

/** As a client library shows it when a commit's reply was lost: it repeats the commit, whose precondition has then gone. */
function losingReplies(documents: Documents, count: number): Documents {
  let left = count;
  return {
    ...documents,
    async commit(writes) {
      const written = await documents.commit(writes);
      if (writes.some(({ collection }) => collection === 'tasks') && left-- > 0)
        throw new PreconditionFailed('The reply was lost, and the repeat refused.');
      return written;
    },
  };
}

describe('a write whose reply is lost', () => {
  let stack: EmbeddedTestStack;
  before(async () => {
    stack = await embeddedStack({ 'times.republishMs': 60_000 });
  });
  after(() => stack.stop());

  const losing = (count: number): Runtime => {
    const runtime = stack.runtime('dispatch');
    return { ...runtime, documents: losingReplies(runtime.documents, count) };
  };
  function create(runtime: Runtime, idempotencyKey: string) {
    const packet = timed(packetSchema.parse({ agent: 'light', payload: {}, idempotencyKey }), Date.now());
    const agent = runtime.agents.find('light');
    assert.ok(agent !== undefined && !('rule' in packet));
    return createTask(runtime, { tenant: 'default', agent, packet, by: 'test' });
  }

  it('has created the task: no replay of somebody else’s', async () => {
    const created = await create(losing(1), 'created');
    assert.equal(created.kind, 'created');
    assert.equal(created.known.version, (await stack.stored(created.known.id)).version);
    assert.equal((await create(losing(0), 'created')).kind, 'replayed');
  });

  it('has created the task, though somebody has claimed it since', async () => {
    const runtime = stack.runtime('dispatch');
    const request = { requestId: 'quick', quoteMicros: 1, timeLimitMs: 1_000 };
    const claimedAtOnce = {
      ...runtime.documents,
      async commit(writes: readonly Write[]): Promise<Written[]> {
        const written = await runtime.documents.commit(writes);
        const [write] = writes;
        if (write?.kind !== 'create' || write.collection !== 'tasks') return written;
        assert.equal((await claim(runtime, write.id, request)).kind, 'claimed');
        throw new PreconditionFailed('The reply was lost, and the client tried again.');
      },
    };
    const created = await create({ ...runtime, documents: claimedAtOnce }, 'claimed since');
    assert.deepEqual([created.kind, created.known.task.status], ['created', 'running']);
  });

  it('has adopted the task, which is not run when somebody else runs it by now', async () => {
    const runtime = stack.runtime('agent-light');
    const request = (requestId: string) => ({ requestId, quoteMicros: 1, timeLimitMs: 60_000 });
    const takenOver = {
      ...runtime.documents,
      async commit(writes: readonly Write[]): Promise<Written[]> {
        const written = await runtime.documents.commit(writes);
        const [write] = writes;
        if (write?.kind !== 'create' || write.collection !== 'tasks') return written;
        await retry(runtime, write.id, 1, { error: { code: 'lease_lost', message: 'gone' }, retryAfterMs: 0 });
        assert.equal((await claim(runtime, write.id, request('successor'))).kind, 'claimed');
        throw new PreconditionFailed('The reply was lost, and the client tried again.');
      },
    };
    const message = {
      messageId: '1',
      data: Buffer.from('{}'),
      attributes: { idempotencyKey: 'adopted' },
      publishTime: Date.now(),
      subscription: 'sub-light',
      deliveryAttempt: 1,
    };
    const adopted = await adopt(
      { ...runtime, documents: takenOver },
      message,
      {},
      () => true,
      () => request('first'),
    );
    assert.ok(adopted.kind === 'adopted');
    assert.equal(adopted.claim.kind, 'acknowledge');
  });

  it('has redriven the task', async () => {
    const { id } = await stack.run({ agent: 'codex', payload: { fail: 'retry' }, maxAttempts: 1 });
    const caller = { tenant: 'default', scopes: ['dispatch'], name: 'test' } as const;
    const view = await redrive(losing(1), caller, id, { ttlSeconds: 60 });
    assert.equal(view.error, undefined);
    const { attempts, timeline } = await stack.ended(id);
    assert.deepEqual([attempts, timeline.filter(({ event }) => event === 'redriven').length], [1, 1]);
  });

  it('has claimed the task, once: it is run, and nobody else’s claim is', async () => {
    const { known } = await create(losing(0), 'claimed');
    const request = { requestId: 'claimant', quoteMicros: 1, timeLimitMs: 1_000 };
    const claimed = await claim(losing(1), known.id, request, known);
    assert.ok(claimed.kind === 'claimed');
    const { task } = await stack.stored(known.id);
    assert.deepEqual([claimed.known.task.epoch, task.epoch, task.attempts], [1, 1, 1]);
    assert.equal((await claim(losing(0), known.id, { ...request, requestId: 'other' }, known)).kind, 'acknowledge');
  });
});
