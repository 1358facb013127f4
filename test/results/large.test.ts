import assert from 'node:assert/strict';
import type { Refusal, View } from '../support/stack.ts';
import { type EmbeddedTestStack, embeddedStack } from '../support/stack-embedded.ts';
import { claimAsCodex, push } from '../support/stack-push.ts';

const INLINE = 2_048;
const MOST = 8_192;
const text = 'x'.repeat(INLINE + 1);

describe('what is too large to travel', function () {
  this.timeout(20_000);
  let stack: EmbeddedTestStack;
  before(async () => {
    stack = await embeddedStack({ 'limits.inlineBytes': INLINE, 'limits.maxBytes': MOST });
  });
  after(() => stack.stop());

  /** Neither the document nor any message holds it. */
  async function isReferred(id: string, field: 'payload' | 'result'): Promise<void> {
    const { task } = await stack.stored(id);
    assert.equal(task[field], undefined);
    const reference = task[`${field}Ref`];
    assert.ok(reference !== undefined && reference.bytes > INLINE);
    assert.equal((await stack.objects.get(reference.bucket, reference.name))?.length, reference.bytes);
  }

  async function claimed() {
    stack.fate = (topic) => (topic === 'tasks' ? 'lost' : 'out');
    const { body } = await stack.dispatch({ agent: 'codex', mode: 'pubsub' });
    stack.fate = () => 'out';
    const { taskId, epoch, outcomeToken } = (await claimAsCodex(stack, body.id)).body.attempt;
    return { taskId, proof: { epoch, outcomeToken } };
  }

  for (const agent of ['light', 'codex']) {
    for (const mode of ['http', 'pubsub']) {
      it(`goes by reference, and every reader finds it: ${agent}, ${mode}`, async () => {
        const { status, body } = await stack.dispatch({ agent, mode, payload: { text } });
        const view = await stack.ended(body.id);
        if (status === 200) assert.deepEqual(body, view);
        assert.deepEqual([view.status, view.result], ['succeeded', { echo: { text } }]);
        assert.deepEqual(Object.keys(view.payload as object), ['reference', 'sha256', 'bytes']);
        await isReferred(view.id, 'payload');
        await isReferred(view.id, 'result');
      });
    }

    it(`fails the task at once when it is a result above the maximum: ${agent}`, async () => {
      const payload = { text: 'x'.repeat(MOST - '{"text":""}'.length) };
      const view = await stack.run({ agent, payload });
      assert.deepEqual([view.status, view.error?.code, view.attempts, view.costCents], ['failed', 'too_large', 1, 5]);
    });
  }

  it('is put into storage when it comes unsigned on the topic', async () => {
    const { taskId, proof } = await claimed();
    const data = { taskId, ...proof, outcome: { status: 'succeeded', result: { text } } };
    assert.equal(await push(stack, 'results', '/pubsub/results', { data }), 204);
    assert.deepEqual((await stack.ended(taskId)).result, { text });
    await isReferred(taskId, 'result');
  });

  for (const way of ['task-update', 'callbacks/ingest']) {
    it(`is put into storage when it comes by /${way}, and refused above the maximum`, async () => {
      const { taskId, proof } = await claimed();
      const report = (result: unknown) => {
        const outcome = { status: 'succeeded', result };
        if (way === 'task-update') return stack.post<View & Refusal>(`/task-update/${taskId}`, { ...proof, outcome });
        return stack.post<View & Refusal>('/callbacks/ingest', { job_id: taskId, ...proof, outcome });
      };
      const refused = await report('x'.repeat(MOST));
      assert.deepEqual([refused.status, refused.body.code], [413, 'too_large']);
      assert.equal((await report({ text })).status, 200);
      assert.deepEqual((await stack.ended(taskId)).result, { text });
      await isReferred(taskId, 'result');
    });
  }
});
