import assert from 'node:assert/strict';
import { describeWithEmulators } from '../support/emulators.ts';
import { until } from '../support/folder.ts';
import type { Refusal, TestStack } from '../support/stack.ts';
import { embeddedStack } from '../support/stack-embedded.ts';
import { emulatedStack } from '../support/stack-emulated.ts';
import { push } from '../support/stack-push.ts';

const IDS = ['a/b', 'a/b/c', '/', '.', '..', '__id__', '__proto__', 'ü', 'a b', 'x'.repeat(1_600)];

function refusesForeignIds(stack: () => TestStack): void {
  it('answers 404 for what can be no id of a task', async () => {
    // A URL cannot hold a dotted part, however it is written.
    for (const id of IDS.filter((one) => !/^\.+$/.test(one))) {
      const { status, body } = await stack().get<Refusal>(`/task/${encodeURIComponent(id)}`);
      assert.deepEqual([status, body.code], [404, 'task_not_found'], id.slice(0, 20));
    }
  });

  it('answers 422 for a cursor that points at what can be none', async () => {
    for (const id of ['', ...IDS]) {
      const cursor = Buffer.from(JSON.stringify({ value: 1, id })).toString('base64url');
      const { status, body } = await stack().get<Refusal>(`/tasks?cursor=${cursor}`);
      assert.deepEqual([status, body.code], [422, 'invalid_fields'], id.slice(0, 20));
    }
  });

  it('sets aside a message that names what can be no id, and never sees it again', async () => {
    for (const [index, taskId] of ['', ...IDS].entries()) {
      const messageId = `foreign-${index}`;
      assert.equal(await push(stack(), 'agent-light', '/pubsub/push', { data: { taskId }, messageId }), 204, taskId.slice(0, 20));
      assert.equal(
        await push(stack(), 'dead-letters', '/pubsub/dead-tasks', { data: { taskId }, messageId: `d${messageId}` }),
        204,
      );
    }
    await until(async () => (await stack().quarantined()).length >= 2 * (IDS.length + 1));
  });
}

describe('ids from outside, embedded', () => {
  let stack: TestStack;
  before(async () => {
    stack = await embeddedStack();
  });
  after(() => stack.stop());
  refusesForeignIds(() => stack);
});

describeWithEmulators("ids from outside, on Google's emulators", () => {
  let stack: TestStack;
  before(async function () {
    this.timeout(90_000);
    stack = await emulatedStack();
  });
  after(async function () {
    this.timeout(30_000);
    await stack?.stop();
  });
  refusesForeignIds(() => stack);
});
