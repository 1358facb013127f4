import assert from 'node:assert/strict';
import { keyedId } from '../../functions/core/create.ts';
import type { View } from '../support/stack.ts';
import type { EmbeddedTestStack } from '../support/stack-embedded.ts';
import { pushBytes } from '../support/stack-push.ts';
import { badTexts, deepText, goodTexts, NO_DOUBLES } from './json-texts.ts';
import { type QuietStack, quietStack } from './quiet-stack.ts';

const around = (before: string, bytes: Buffer, after: string) => Buffer.concat([Buffer.from(before), bytes, Buffer.from(after)]);

describe('JSON at its edges, in messages', function () {
  this.timeout(60_000);
  let quiet: QuietStack;
  let stack: EmbeddedTestStack;

  before(async () => {
    quiet = await quietStack();
    ({ stack } = quiet);
  });
  after(async () => {
    await quiet.close();
  });

  const TOPICS: readonly [name: string, path: string, code: string][] = [
    ['agent-light', '/pubsub/push', 'invalid_json'],
    ['results', '/pubsub/results', 'invalid_json'],
    ['dead-letters', '/pubsub/dead-tasks', 'invalid_json'],
    ['dead-letters', '/pubsub/dead-results', 'invalid_json'],
    ['callbacks', '/pubsub/callbacks', 'invalid_callback'],
    ['dead-letters', '/pubsub/dead-callbacks', 'invalid_callback'],
    ['backups', '/pubsub/backups', 'invalid_json'],
    ['dead-letters', '/pubsub/dead-backups', 'invalid_json'],
  ];
  const tasks = async () => (await stack.get<{ tasks: View[] }>('/tasks?limit=1')).body.tasks[0]?.id;

  for (const [name, path, code] of TOPICS) {
    it(`${path} sets aside ${badTexts.length} texts that are none, and makes nothing of them`, async () => {
      const newest = await tasks();
      const ids = new Set(badTexts.map((_, index) => `${path} ${index}`));
      for (const [index, { name: what, bytes }] of badTexts.entries()) {
        assert.equal(await pushBytes(stack, name, path, bytes, `${path} ${index}`), 204, what);
      }
      const kept = (await stack.quarantined()).filter(({ data }) => ids.has(String(data.messageId)));
      assert.deepEqual([kept.length, new Set(kept.map(({ data }) => data.code))], [badTexts.length, new Set([code])]);
      assert.equal(await tasks(), newest);
    });

    it(`${path} answers for every value, and for a depth that nothing could carry`, async () => {
      const texts = [...goodTexts.map(({ bytes }) => bytes), ...[2_000, 400_000].map((levels) => Buffer.from(deepText(levels)))];
      for (const [index, bytes] of texts.entries()) {
        assert.equal(await pushBytes(stack, name, path, bytes, `${path} good ${index}`), 204, bytes.subarray(0, 100).toString());
      }
      for (const field of ['taskId', 'epoch', 'outcome', 'core', 'payload', 'agent', 'outcomeToken', 'version']) {
        const text = `{"taskId":"x","${field}":${deepText(200_000)}}`;
        assert.equal(await pushBytes(stack, name, path, Buffer.from(text), `${path} ${field}`), 204, field);
      }
    });

    it(`${path} takes an envelope that is none, once`, async () => {
      for (const { name: what, bytes } of badTexts.filter(({ bytes }) => bytes.length < 10_000)) {
        assert.equal(await pushBytes(stack, name, path, bytes), 204, what);
      }
    });
  }

  it('a task published straight gives every value back as it was', async () => {
    for (const [index, { name, bytes, value }] of goodTexts.entries()) {
      const messageId = `whole ${index}`;
      assert.equal(
        await pushBytes(stack, 'agent-light', '/pubsub/push', around('{"payload":{"v":', bytes, '}}'), messageId),
        204,
        name,
      );
      const view = await stack.ended(keyedId('default', 'message', messageId));
      assert.deepEqual([view.payload, view.result], [{ v: value }, { echo: { v: value } }], name);
    }
  });

  it('one with a number that no double holds is set aside', async () => {
    for (const [index, text] of NO_DOUBLES.entries()) {
      const messageId = `no double ${index}`;
      assert.equal(await pushBytes(stack, 'agent-light', '/pubsub/push', Buffer.from(`{"payload":{"v":${text}}}`), messageId), 204);
      const kept = (await stack.quarantined()).find(({ data }) => data.messageId === messageId);
      assert.equal(kept?.data.code, 'invalid_fields');
    }
  });
});
