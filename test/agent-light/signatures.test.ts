import assert from 'node:assert/strict';
import { setTimeout as pause } from 'node:timers/promises';
import type { RunMessage } from '../../functions/core/run-message.ts';
import { coreOf } from '../../functions/core/task.ts';
import type { View } from '../support/stack.ts';
import { type EmbeddedTestStack, embeddedStack } from '../support/stack-embedded.ts';
import { push } from '../support/stack-push.ts';

describe('a run message that nobody vouches for', function () {
  this.timeout(20_000);
  let stack: EmbeddedTestStack;
  before(async () => {
    stack = await embeddedStack({ 'times.republishMs': 60_000 });
  });
  after(() => stack.stop());

  /** A queued task whose message went missing, and that message. */
  async function queued(agent: string, packet: object = {}): Promise<{ view: View; run: RunMessage; signature: string }> {
    stack.fate = (topic) => (topic === 'tasks' ? 'lost' : 'out');
    const { body: view } = await stack.dispatch({ agent, mode: 'pubsub', payload: { stored: 1 }, ...packet });
    stack.fate = () => 'out';
    const { version, task } = await stack.stored(view.id);
    const run = {
      taskId: view.id,
      agent,
      payload: { stored: 1 },
      ttl: view.ttl,
      budgetCents: view.budgetCents,
      traceId: view.traceId,
      epoch: 0,
      attempt: 1,
      version,
      core: coreOf(task),
    } as unknown as RunMessage;
    return { view, run, signature: stack.signing.message(JSON.stringify(run)) };
  }

  const tampered: [string, (run: RunMessage) => object][] = [
    ['another payload', (run) => ({ ...run, payload: { forged: true } })],
    ['another price limit', (run) => ({ ...run, budgetCents: 1e6, core: { ...run.core, budgetMicros: 1e12 } })],
    ['another tenant', (run) => ({ ...run, core: { ...run.core, tenant: 'other' } })],
    ['no core', ({ core: _, ...run }) => run],
    ['the id alone', ({ taskId }) => ({ taskId })],
  ];
  for (const agent of ['light', 'codex']) {
    for (const [name, change] of tampered) {
      for (const signed of ['unsigned', 'with the signature of the true one']) {
        it(`runs the stored packet instead: ${name}, ${signed}, for ${agent}`, async () => {
          const { view, run, signature } = await queued(agent);
          const attributes = { agent, ...(signed === 'unsigned' ? {} : { signature }) };
          assert.equal(
            await push(stack, agent === 'light' ? 'agent-light' : agent, '/pubsub/push', { data: change(run), attributes }),
            204,
          );
          const ended = await stack.ended(view.id);
          assert.deepEqual([ended.status, ended.result, ended.costCents], ['succeeded', { echo: { stored: 1 } }, 5]);
          assert.equal((await stack.stored(view.id)).task.tenant, 'default');
        });
      }
    }

    it(`does not lift the budget of the stored packet, for ${agent}`, async () => {
      const { view, run } = await queued(agent, { budgetCents: 1 });
      const data = { ...run, budgetCents: 100, core: { ...run.core, budgetMicros: 1e9 } };
      await push(stack, agent === 'light' ? 'agent-light' : agent, '/pubsub/push', { data, attributes: { agent } });
      assert.equal((await stack.ended(view.id)).error?.code, 'budget_exceeded');
    });
  }

  it('runs nothing when it names another agent than the task has', async () => {
    const { view } = await queued('codex');
    assert.equal(await push(stack, 'agent-light', '/pubsub/push', { data: { taskId: view.id, agent: 'light' } }), 204);
    assert.equal((await stack.get(`/task/${view.id}`)).body.status, 'queued');
  });

  it('runs once when the signed message comes twenty times', async () => {
    const { view, run, signature } = await queued('light');
    const message = { data: run, attributes: { agent: 'light', signature } };
    const statuses = await Promise.all(Array.from({ length: 20 }, () => push(stack, 'agent-light', '/pubsub/push', message)));
    assert.deepEqual([...new Set(statuses)], [204]);
    const ended = await stack.ended(view.id);
    assert.deepEqual([ended.attempts, ended.costCents], [1, 5]);
    assert.equal(await push(stack, 'agent-light', '/pubsub/push', message), 204);
    assert.deepEqual((await stack.get(`/task/${view.id}`)).body, ended);
  });

  it('is never looped, though it was signed for another topic', async () => {
    const { view, run, signature } = await queued('light');
    const callback = { taskId: view.id, redrives: 0 };
    const callbackSignature = stack.signing.message(JSON.stringify(callback));
    const rows: [string, string, object, string][] = [
      ['agent-light', '/pubsub/push', callback, callbackSignature],
      ['results', '/pubsub/results', callback, callbackSignature],
      ['results', '/pubsub/results', run, signature],
      ['dead-letters', '/pubsub/dead-results', run, signature],
      ['dead-letters', '/pubsub/dead-tasks', callback, callbackSignature],
      ['callbacks', '/pubsub/callbacks', run, signature],
      ['dead-letters', '/pubsub/dead-callbacks', run, signature],
    ];
    for (const [name, path, data, given] of rows) {
      const status = await push(stack, name, path, { data, attributes: { signature: given } });
      assert.equal(status, 204, `${path} answered ${status} to ${Object.keys(data)}`);
    }
    await pause(50);
    const { body } = await stack.get(`/task/${view.id}`);
    assert.ok(['queued', 'running', 'succeeded'].includes(body.status), JSON.stringify(body));
  });
});
