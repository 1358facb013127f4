import assert from 'node:assert/strict';
import { accountEmail } from '../../functions/core/addresses.ts';
import type { View } from '../support/stack.ts';
import type { EmbeddedTestStack } from '../support/stack-embedded.ts';
import { badTexts, deepText, goodTexts, NO_DOUBLES } from './json-texts.ts';
import { type QuietStack, quietStack } from './quiet-stack.ts';

const around = (before: string, bytes: Buffer, after: string) => Buffer.concat([Buffer.from(before), bytes, Buffer.from(after)]);
const BYTE_ORDER_MARK = Buffer.from([0xef, 0xbb, 0xbf]);

describe('JSON at its edges', function () {
  this.timeout(60_000);
  let quiet: QuietStack;
  let stack: EmbeddedTestStack;
  let ask: QuietStack['ask'];
  let codex: Record<string, string>;

  before(async () => {
    quiet = await quietStack();
    ({ stack, ask } = quiet);
    const email = accountEmail(stack.settings, 'codex');
    const token = await stack.local.issuer.token({ email, audience: stack.local.functionUrls.dispatch as string });
    codex = { authorization: `Bearer ${token}` };
  });
  after(async () => {
    await quiet.close();
  });

  const PATHS = ['/dispatch', '/task/x/redrive', '/task/x/renew', '/task-update/x', '/callbacks/ingest', '/run'];
  const CODEX_PATHS = ['/task/x/claim', '/task/adopt'];
  for (const path of [...PATHS, ...CODEX_PATHS]) {
    it(`${path} refuses ${badTexts.length} texts that are none, as a whole, and writes nothing`, async () => {
      const before = quiet.written();
      for (const { name, bytes } of badTexts) {
        const { status, body } = await ask('POST', path, bytes, CODEX_PATHS.includes(path) ? codex : {});
        assert.deepEqual([status, body.code], [400, 'invalid_json'], name);
      }
      assert.deepEqual(quiet.written(), before);
    });
  }

  for (const path of [...PATHS.slice(0, -1), ...CODEX_PATHS]) {
    it(`${path} says what is wrong with ${goodTexts.length} values that are no request, and writes nothing`, async () => {
      const before = quiet.written();
      for (const { name, bytes } of goodTexts) {
        const { status } = await ask('POST', path, bytes, CODEX_PATHS.includes(path) ? codex : {});
        assert.ok(status === 422 || (path === '/task/x/redrive' && status === 404) || status === 400, `${name}: ${status}`);
      }
      assert.deepEqual(quiet.written(), before);
    });
  }

  it('refuses the same within a packet, and writes nothing', async () => {
    const before = quiet.written();
    for (const { name, bytes } of badTexts) {
      const { status, body } = await ask('POST', '/dispatch', around('{"agent":"light","payload":{"v":', bytes, '}}'));
      assert.deepEqual([status, body.code], [400, 'invalid_json'], name);
    }
    assert.deepEqual(quiet.written(), before);
  });

  it('gives every value back as it was, from the payload, the result, the metadata and the list', async () => {
    for (const { name, bytes, value } of goodTexts) {
      const metadata = bytes.length < 16_000 ? around(',"metadata":{"v":', bytes, '}') : Buffer.alloc(0);
      const { status, body } = await ask(
        'POST',
        '/dispatch',
        Buffer.concat([around('{"agent":"light","payload":{"v":', bytes, '}'), metadata, Buffer.from('}')]),
      );
      assert.equal(status, 200, `${name}: ${JSON.stringify(body).slice(0, 500)}`);
      const { body: read } = await stack.get(`/task/${body.id}`);
      const { body: list } = await stack.get<{ tasks: View[] }>(`/tasks?traceId=${body.traceId}`);
      for (const view of [body, read, list.tasks[0] as View]) {
        assert.deepEqual(view.payload, { v: value }, name);
        assert.deepEqual(view.result, { echo: { v: value } }, name);
        if (metadata.length > 0) assert.deepEqual(view.metadata, { v: value }, name);
      }
    }
  });

  it('takes a byte order mark in front, and only one', async () => {
    const packet = Buffer.from('{"agent":"light","payload":{"v":1}}');
    assert.equal((await ask('POST', '/dispatch', Buffer.concat([BYTE_ORDER_MARK, packet]))).status, 200);
    const { status, body } = await ask('POST', '/dispatch', Buffer.concat([BYTE_ORDER_MARK, BYTE_ORDER_MARK, packet]));
    assert.deepEqual([status, body.code], [400, 'invalid_json']);
  });

  for (const text of NO_DOUBLES) {
    it(`refuses a number that no double holds, naming the field: ${text.slice(0, 20)}`, async () => {
      const before = quiet.written();
      for (const field of ['payload', 'metadata', 'work']) {
        const value = field === 'work' ? `{"constraints":[[${text}]]}` : `{"a":[{"b":${text}}]}`;
        const packet = `{"agent":"light","payload":{},"${field}":${value}}`;
        const { status, body } = await ask('POST', '/dispatch', Buffer.from(packet));
        assert.deepEqual([status, body.code, body.errors?.[0]?.field], [422, 'invalid_fields', field], JSON.stringify(body));
      }
      for (const field of ['ttl', 'ttlSeconds', 'budgetCents', 'maxAttempts', 'priority', 'notBefore']) {
        const { status, body } = await ask('POST', '/dispatch', Buffer.from(`{"agent":"light","payload":{},"${field}":${text}}`));
        assert.deepEqual([status, body.code, body.errors?.[0]?.field], [422, 'invalid_fields', field], JSON.stringify(body));
      }
      assert.deepEqual(quiet.written(), before);
    });
  }

  it('refuses a depth that nothing could carry, naming the field', async () => {
    for (const levels of [101, 5_000, 400_000]) {
      for (const field of ['payload', 'metadata']) {
        const packet = `{"agent":"light","payload":{},"${field}":{"v":${deepText(levels)}}}`;
        const { status, body } = await ask('POST', '/dispatch', Buffer.from(packet));
        assert.deepEqual([status, body.code, body.errors?.[0]?.field], [422, 'invalid_fields', field], `${levels}`);
      }
      const { status } = await ask('POST', '/dispatch', Buffer.from(deepText(levels)));
      assert.equal(status, 422);
    }
  });

  it('refuses a prototype by name wherever it could be lost', async () => {
    for (const [packet, field] of [
      ['{"agent":"light","payload":{"__proto__":{"a":1}}}', 'payload'],
      ['{"agent":"light","payload":{},"__proto__":{"budgetCents":1}}', '__proto__'],
      ['{"agent":"light","payload":{},"work":{"__proto__":{"a":1}}}', 'work.__proto__'],
    ] as const) {
      const { status, body } = await ask('POST', '/dispatch', Buffer.from(packet));
      assert.deepEqual([status, body.errors?.[0]?.field], [422, field], packet);
    }
    assert.equal(({} as { polluted?: boolean }).polluted, undefined);
  });

  it('a payload as deep as may be is echoed', async () => {
    const { status, body } = await ask('POST', '/dispatch', Buffer.from(`{"agent":"light","payload":{"v":${deepText(99)}}}`));
    assert.deepEqual([status, body.status, body.result], [200, 'succeeded', { echo: body.payload }]);
  });

  it('leaves nothing behind on objects in general', () => {
    assert.deepEqual(Object.keys(Object.prototype), []);
    assert.equal(({} as { polluted?: boolean }).polluted, undefined);
  });
});
