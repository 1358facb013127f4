import assert from 'node:assert/strict';
import { setTimeout as pause } from 'node:timers/promises';
import type { Refusal, View } from '../support/stack.ts';
import { type EmbeddedTestStack, embeddedStack } from '../support/stack-embedded.ts';

describe('cancel', function () {
  this.timeout(20_000);
  let stack: EmbeddedTestStack;
  before(async () => {
    stack = await embeddedStack();
  });
  after(() => stack.stop());
  afterEach(() => {
    stack.fate = () => 'out';
  });

  const cancel = (id: string) => stack.post<View & Refusal>(`/task/${id}/cancel`, {});
  const later = () => Date.now() / 1000 + 60;

  it('ends what waits, with 200', async () => {
    const { body } = await stack.dispatch({ notBefore: later() });
    const reply = await cancel(body.id);
    assert.deepEqual([reply.status, reply.body.status, reply.body.error?.code], [200, 'cancelled', 'cancelled']);
    assert.deepEqual([reply.body.costCents, reply.body.attempts], [0, 0]);
  });

  it('ends what is queued, with 200, and its message runs nothing when it comes', async () => {
    stack.fate = (topic) => (topic === 'tasks' ? 'lost' : 'out');
    const { body } = await stack.dispatch({ mode: 'pubsub' });
    assert.equal((await cancel(body.id)).status, 200);
    stack.fate = () => 'out';
    const { body: found } = await stack.get(`/task/${body.id}`);
    await stack.publish('tasks', { taskId: body.id, agent: 'light', payload: {} }, { agent: 'light' });
    await pause(300);
    assert.deepEqual((await stack.get(`/task/${body.id}`)).body, found);
    assert.equal(found.status, 'cancelled');
  });

  it('asks what runs to stop, with 202: cancelled at the next renewal, charged at its quote', async () => {
    for (const agent of ['codex']) {
      const { body } = await stack.dispatch({ agent, mode: 'pubsub', payload: { pauseMs: 60_000 } });
      await stack.reaches(body.id, 'running');
      const reply = await cancel(body.id);
      assert.deepEqual([reply.status, reply.body.status, reply.body.cancelRequested], [202, 'running', true]);
      assert.equal((await cancel(body.id)).status, 202);
      const view = await stack.ended(body.id);
      assert.deepEqual([view.status, view.error?.code, view.costCents], ['cancelled', 'cancelled', 5]);
      assert.equal(view.cancelRequested, undefined);
      assert.equal(view.timeline.filter(({ event }) => event === 'cancel_requested').length, 1);
    }
  });

  it('lets an outcome stand that came before the renewal', async () => {
    const { body } = await stack.dispatch({ agent: 'codex', mode: 'pubsub', payload: { pauseMs: 400 } });
    await stack.reaches(body.id, 'running');
    assert.equal((await cancel(body.id)).status, 202);
    assert.equal((await stack.ended(body.id)).status, 'succeeded');
  });

  it('makes a failure that would be retried the last one', async () => {
    const { body } = await stack.dispatch({ agent: 'codex', mode: 'pubsub', payload: { pauseMs: 400, fail: 'retry' } });
    await stack.reaches(body.id, 'running');
    await cancel(body.id);
    const view = await stack.ended(body.id);
    assert.deepEqual([view.status, view.attempts, view.costCents], ['cancelled', 1, 5]);
  });

  it('refuses what has ended, with 409', async () => {
    const ended = await stack.run({});
    const { status, body } = await cancel(ended.id);
    assert.deepEqual([status, body.code], [409, 'task_ended']);
    assert.deepEqual((await stack.get(`/task/${ended.id}`)).body, ended);
  });

  it('takes the children and their children along', async () => {
    const parent = (await stack.dispatch({ notBefore: later(), budgetCents: 1_000 })).body;
    const children = await Promise.all(
      Array.from({ length: 40 }, () => stack.dispatch({ notBefore: later(), parentTaskId: parent.id, budgetCents: 25 })),
    );
    const grandchild = (await stack.dispatch({ notBefore: later(), parentTaskId: children[7]?.body.id, budgetCents: 5 })).body;
    const stranger = (await stack.dispatch({ notBefore: later() })).body;
    assert.equal((await cancel(parent.id)).status, 200);
    for (const { id } of [...children.map(({ body }) => body), grandchild]) {
      assert.equal((await stack.get(`/task/${id}`)).body.status, 'cancelled');
    }
    assert.equal((await stack.get(`/task/${stranger.id}`)).body.status, 'waiting');
    await cancel(stranger.id);
  });
});
