import assert from 'node:assert/strict';
import { describeWithEmulators } from '../support/emulators.ts';
import { type EmulatedTestStack, emulatedStack } from '../support/stack-emulated.ts';
import { claimAsCodex } from '../support/stack-push.ts';

describeWithEmulators('a task with as many and as large notes as there can be', () => {
  let stack: EmulatedTestStack;
  before(async function () {
    this.timeout(90_000);
    stack = await emulatedStack({ 'times.leaseMarginMs': 60_000, 'times.leaseMaximumMs': 60_000, 'times.sweepMs': 50_000 });
  });
  after(async function () {
    this.timeout(30_000);
    await stack?.stop();
  });

  for (const [name, letter] of [
    ['control characters', '\u0001'],
    ['Chinese', '田'],
    ['half surrogates', '\ud800'],
  ] as const) {
    it(`still takes its result: ${name}`, async function () {
      this.timeout(60_000);
      const text = 'x'.repeat(250_000);
      const { body } = await stack.dispatch({ agent: 'codex', notBefore: Date.now() / 1000 + 60, payload: { text } });
      // Queued without a message, so that nobody else claims it.
      const { version } = await stack.stored(body.id);
      await stack.documents.commit([
        { kind: 'update', collection: 'tasks', id: body.id, version, set: { status: 'queued' }, remove: ['wakeAt'] },
      ]);
      const { attempt } = (await claimAsCodex(stack, body.id)).body;
      const update = (part: object) =>
        stack.post(`/task-update/${body.id}`, { epoch: attempt.epoch, outcomeToken: attempt.outcomeToken, ...part });
      for (let count = 0; count < 197; count++) assert.equal((await update({ note: letter.repeat(1_024) })).status, 200);
      assert.equal((await update({ outcome: { status: 'succeeded', result: { text } } })).status, 200);
      const ended = await stack.ended(body.id);
      assert.deepEqual([ended.status, ended.result], ['succeeded', { text }]);
    });
  }
});
