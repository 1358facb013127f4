import assert from 'node:assert/strict';
import { keyedId } from '../../functions/core/create.ts';
import type { EmbeddedTestStack } from '../support/stack-embedded.ts';
import { push } from '../support/stack-push.ts';
import { naughtyStrings } from './naughty-strings.ts';
import { each, type QuietStack, quietStack } from './quiet-stack.ts';

describe(`${naughtyStrings.length} naughty strings in reports and messages`, function () {
  this.timeout(60_000);
  let quiet: QuietStack;
  let stack: EmbeddedTestStack;
  let ask: QuietStack['ask'];
  before(async () => {
    quiet = await quietStack();
    ({ stack, ask } = quiet);
  });
  after(() => quiet.close());

  it('as notes and reasons come back as they were, one event each', async () => {
    const texts = naughtyStrings.filter((text) => Buffer.byteLength(JSON.stringify(text)) <= 1_024);
    for (let start = 0; start < texts.length; start += 150) {
      const some = texts.slice(start, start + 150);
      const { id, proof } = await quiet.claimed();
      const events = fetch(`${stack.url}/task/${id}/events`).then((response) => response.text());
      const report = (part: object) => ask('POST', `/task-update/${id}`, { ...proof, ...part });
      for (const note of some) assert.equal((await report({ note })).status, 200, JSON.stringify(note));
      const error = { code: (some[0] ?? '').slice(0, 100) || 'x', message: some.join('\n').slice(0, 10_000) };
      assert.equal((await report({ outcome: { status: 'failed', error } })).status, 200);
      const view = await stack.ended(id);
      assert.deepEqual(view.error, error);
      const notes = (entries: readonly { event: string; note?: unknown }[]) =>
        entries.filter(({ event }) => event === 'progress').map(({ note }) => note);
      assert.deepEqual(notes(view.timeline), some);
      const frames = (await events)
        .split('\n\n')
        .slice(0, -1)
        .map((frame) => /^(?:id: \S+\n)?event: (\w+)\ndata: ([^\r\n]*)$/.exec(frame));
      assert.ok(
        frames.every((frame) => frame !== null),
        'a frame is broken',
      );
      const shown = frames.map((frame) => ({ event: frame?.[1] ?? '', note: JSON.parse(frame?.[2] ?? '').note as unknown }));
      assert.deepEqual(notes(shown), some);
      assert.equal(shown.at(-1)?.event, 'end');
    }
  });

  it('as the last reason of a dead task, however long, are within what a reason may be', async () => {
    const { id, proof } = await quiet.claimed({ maxAttempts: 1 });
    const error = { code: 'ü'.repeat(100), message: 'ü'.repeat(10_000) };
    assert.equal((await ask('POST', `/task-update/${id}`, { ...proof, outcome: { status: 'retry', error } })).status, 200);
    const view = await stack.ended(id);
    assert.deepEqual([view.status, view.error?.code, view.error?.message.length], ['dead', 'attempts_exhausted', 10_000]);
  });

  it('as attributes of a message make a task of them, or are set aside with them', async () => {
    let index = 0;
    const sent = new Map<string, [string, string]>();
    await each(naughtyStrings, async (text) => {
      for (const attribute of ['traceId', 'idempotencyKey', 'agent']) {
        const messageId = `attribute ${index++}`;
        sent.set(messageId, [attribute, text]);
        const message = {
          data: { payload: { n: 1 }, notBefore: Date.now() / 1000 + 600 },
          attributes: { [attribute]: text },
          messageId,
        };
        assert.equal(await push(stack, 'agent-light', '/pubsub/push', message), 204, JSON.stringify(text));
      }
    });
    const kept = new Map<string, unknown>();
    for (const { data } of await stack.quarantined()) kept.set(String(data.messageId), data.attributes);
    for (const [messageId, [attribute, text]] of sent) {
      if (kept.has(messageId)) {
        assert.deepEqual(kept.get(messageId), { [attribute]: text });
        continue;
      }
      const isKey = attribute === 'idempotencyKey' && text !== '';
      const id = isKey ? keyedId('default', 'light', text) : keyedId('default', 'message', messageId);
      // Another agent's message is its own subscription's to deliver.
      if (attribute === 'agent' && text === 'codex') continue;
      const { status, body } = await ask('GET', `/task/${id}`);
      assert.equal(status, 200, `${attribute} ${JSON.stringify(text)}`);
      if (attribute !== 'agent' && text !== '') assert.equal(body[attribute], text);
    }
  });
});
