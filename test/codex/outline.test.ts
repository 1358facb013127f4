import assert from 'node:assert/strict';
import { type EmbeddedTestStack, embeddedStack } from '../support/stack-embedded.ts';
import { claimAsCodex, push } from '../support/stack-push.ts';

const SOURCE = `import x from 'y';
export async function one() {}
export default class Two {}
  const three = 1;
interface Four {}
// function five() {}
enum Six {}
`;

describe('codex, a user’s own agent', function () {
  this.timeout(20_000);
  let stack: EmbeddedTestStack;
  before(async () => {
    stack = await embeddedStack();
  });
  after(() => stack.stop());

  it('lists what a text defines, line by line', async () => {
    const view = await stack.run({ agent: 'codex', payload: { source: SOURCE } });
    assert.deepEqual(view.result, {
      lines: 8,
      definitions: [
        { line: 2, kind: 'function', name: 'one' },
        { line: 3, kind: 'class', name: 'Two' },
        { line: 4, kind: 'const', name: 'three' },
        { line: 5, kind: 'interface', name: 'Four' },
        { line: 7, kind: 'enum', name: 'Six' },
      ],
    });
  });

  it('fails for a source that is no text, without a second attempt', async () => {
    const view = await stack.run({ agent: 'codex', payload: { source: 5 } });
    assert.deepEqual([view.status, view.error?.code, view.attempts], ['failed', 'invalid_payload', 1]);
  });

  it('is given a large payload and gives back a large result', async () => {
    const text = 'y'.repeat(700_000);
    const { body } = await stack.dispatch({ agent: 'codex', payload: { text } });
    assert.deepEqual([body.status, body.result], ['succeeded', { echo: { text } }]);
    const { task } = await stack.stored(body.id);
    assert.equal(task.result, undefined);
    assert.equal(task.resultRef?.bucket, 'payloads');
  });

  it('touches neither store nor topic itself: all goes through dispatch', async () => {
    const runtime = stack.runtime('codex');
    const refuse = () => assert.fail('codex reached for the store');
    const { documents, messages } = runtime as unknown as { documents: Record<string, unknown>; messages: Record<string, unknown> };
    const before = { commit: documents.commit, get: documents.get, publish: messages.publish };
    Object.assign(documents, { commit: refuse, get: refuse });
    messages.publish = refuse;
    try {
      assert.equal((await stack.run({ agent: 'codex' })).status, 'succeeded');
    } finally {
      Object.assign(documents, { commit: before.commit, get: before.get });
      messages.publish = before.publish;
    }
  });

  it('runs a task once when its message comes twenty times at once', async () => {
    stack.fate = (topic) => (topic === 'tasks' ? 'lost' : 'out');
    const { body } = await stack.dispatch({ agent: 'codex', mode: 'pubsub', payload: { pauseMs: 100 } });
    stack.fate = () => 'out';
    const message = { data: { taskId: body.id, payload: {} }, attributes: { agent: 'codex' } };
    const statuses = await Promise.all(Array.from({ length: 20 }, () => push(stack, 'codex', '/pubsub/push', message)));
    assert.deepEqual([...new Set(statuses)], [204]);
    const view = await stack.ended(body.id);
    assert.deepEqual([view.attempts, view.costCents], [1, 5]);
  });

  it('claims again with its own request id after a lost reply, and gets the same attempt', async () => {
    stack.fate = (topic) => (topic === 'tasks' ? 'lost' : 'out');
    const { body } = await stack.dispatch({ agent: 'codex', mode: 'pubsub' });
    stack.fate = () => 'out';
    const requestId = 'the-same-request-id';
    const [one, two] = [await claimAsCodex(stack, body.id, { requestId }), await claimAsCodex(stack, body.id, { requestId })];
    assert.deepEqual(one.body, two.body);
    assert.equal(one.body.kind, 'claimed');
    assert.equal((await claimAsCodex(stack, body.id)).body.kind, 'acknowledge');
    assert.equal((await stack.get(`/task/${body.id}`)).body.attempts, 1);
  });

  const bad: [string, object, string][] = [
    ['no request id', { requestId: undefined }, 'requestId'],
    ['a short request id', { requestId: 'x' }, 'requestId'],
    ['a negative quote', { quoteCents: -1 }, 'quoteCents'],
    ['a quote below a micro-dollar', { quoteCents: 0.000_01 }, 'quoteCents'],
    ['no time at all', { timeLimitMs: 0 }, 'timeLimitMs'],
    ['an unknown field', { epoch: 5 }, 'epoch'],
  ];
  for (const [name, part, field] of bad) {
    it(`is refused a claim with ${name}`, async () => {
      const { body } = await stack.dispatch({ agent: 'codex', notBefore: Date.now() / 1000 + 60 });
      const reply = await claimAsCodex(stack, body.id, part);
      const { code, errors } = reply.body as unknown as { code: string; errors: { field: string }[] };
      assert.deepEqual([reply.status, code, errors[0]?.field], [422, 'invalid_fields', field]);
    });
  }
});
