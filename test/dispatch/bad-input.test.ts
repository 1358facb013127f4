import assert from 'node:assert/strict';
import { gzipSync } from 'node:zlib';
import { badPackets, naughtyStrings, wrongShapes } from '../core/bad-packets.ts';
import type { Refusal } from '../support/stack.ts';
import { type EmbeddedTestStack, embeddedStack } from '../support/stack-embedded.ts';

describe('bad input to dispatch', function () {
  this.timeout(20_000);
  let stack: EmbeddedTestStack;
  let written: { writes: number; publishes: number };

  before(async () => {
    // No sweep writes while writes are counted.
    stack = await embeddedStack({ 'times.sweepMs': 600_000 });
  });
  after(() => stack.stop());
  beforeEach(() => {
    written = { writes: stack.counts.writes, publishes: stack.counts.publishes };
  });

  /** A problem document with that status and code, and nothing written. */
  function refused(
    reply: { status: number; headers: Headers; body: Refusal },
    status: number,
    code: string,
    field?: string,
  ): Refusal {
    assert.deepEqual([reply.status, reply.body.code], [status, code], JSON.stringify(reply.body));
    assert.match(reply.headers.get('content-type') ?? '', /^application\/problem\+json/);
    assert.equal(reply.body.status, status);
    assert.ok(reply.body.detail.length > 0);
    const { writes, publishes } = stack.counts;
    assert.deepEqual({ writes, publishes }, written, 'something was written');
    if (field !== undefined)
      assert.ok(
        reply.body.errors?.some((one) => one.field === field),
        JSON.stringify(reply.body),
      );
    return reply.body;
  }

  const raw = async (path: string, body: string | Buffer<ArrayBuffer>, headers: Record<string, string>) => {
    const response = await fetch(stack.url + path, { method: 'POST', body, headers });
    return { status: response.status, headers: response.headers, body: (await response.json()) as Refusal };
  };
  const json = { 'content-type': 'application/json' };

  for (const mode of ['http', 'pubsub']) {
    it(`names field and rule for each of ${badPackets(0).length} bad packets in mode ${mode}`, async () => {
      for (const [name, part, field, rule] of badPackets(Date.now())) {
        const body = refused(await stack.dispatch<Refusal>({ mode, ...part }), 422, 'invalid_fields', field);
        assert.match(body.errors?.find((one) => one.field === field)?.message ?? '', rule, name);
        assert.ok(body.detail.includes(field), `${name}: ${body.detail}`);
      }
    });
  }

  it('says of other JSON what is missing', async () => {
    for (const [, body, field] of wrongShapes)
      refused(await stack.post('/dispatch', JSON.stringify(body)), 422, 'invalid_fields', field);
  });

  const broken: [string, string | Buffer<ArrayBuffer>, Record<string, string>, number, string][] = [
    ['nothing', '', json, 400, 'invalid_json'],
    ['half an object', '{"agent":"light"', json, 400, 'invalid_json'],
    ['two objects', '{}{}', json, 400, 'invalid_json'],
    ['single quotes', "{'agent':'light'}", json, 400, 'invalid_json'],
    ['NaN', '{"agent":"light","payload":{},"ttl":NaN}', json, 400, 'invalid_json'],
    ['bytes that are no UTF-8', Buffer.from([0x22, 0xff, 0xfe, 0x22]), json, 400, 'invalid_json'],
    ['a form', 'agent=light', { 'content-type': 'application/x-www-form-urlencoded' }, 415, 'unsupported_media_type'],
    ['JSON that calls itself text', '{}', { 'content-type': 'text/plain' }, 415, 'unsupported_media_type'],
    ['compressed JSON', gzipSync('{}'), { ...json, 'content-encoding': 'gzip' }, 415, 'unsupported_media_type'],
  ];
  for (const [name, body, headers, status, code] of broken) {
    it(`refuses ${name}`, async () => refused(await raw('/dispatch', body, headers), status, code));
  }

  it('refuses an unknown agent and says which there are', async () => {
    const { detail } = refused(await stack.dispatch<Refusal>({ agent: 'nobody' }), 422, 'agent_not_found', 'agent');
    assert.match(detail, /Agent nobody not found.*codex, light/);
  });

  const privateUrls = [
    'http://10.0.0.1/x',
    'https://169.254.169.254/latest',
    'https://metadata.google.internal/',
    'https://[fd00::1]/',
    'https://192.168.1.1/',
    'https://user:pass@example.com/',
    'ftp://example.com/',
    'https://example.com:22/',
    'http://example.com/',
  ];
  for (const callbackUrl of privateUrls) {
    it(`refuses the callback address ${callbackUrl}`, async () =>
      refused(await stack.dispatch<Refusal>({ callbackUrl }), 422, 'egress_denied', 'callbackUrl'));
  }

  it('refuses a payload above 30 MiB, and a request above 32 MiB, with 413', async () => {
    refused(await stack.dispatch<Refusal>({ payload: { text: 'x'.repeat(30 * 1024 * 1024) } }), 413, 'too_large', 'payload');
    refused(await stack.dispatch<Refusal>({ payload: { text: 'x'.repeat(32 * 1024 * 1024) } }), 413, 'request_too_large');
  });

  const paths: [string, string, number, string][] = [
    ['GET', '/task/unknown', 404, 'task_not_found'],
    ['GET', '/task-status/unknown', 404, 'task_not_found'],
    ['GET', '/task/unknown/events', 404, 'task_not_found'],
    ['POST', '/task/unknown/cancel', 404, 'task_not_found'],
    ['POST', '/task/unknown/redrive', 404, 'task_not_found'],
    ['GET', '/task/%E0%A4%A', 400, 'invalid_url'],
    ['GET', `/task/${'x'.repeat(3_000)}`, 404, 'task_not_found'],
    ['GET', '/task/a%2Fb', 404, 'task_not_found'],
    ['GET', '/task/..%00', 404, 'task_not_found'],
    ['GET', '/dispatch', 404, 'not_found'],
    ['GET', '/nothing', 404, 'not_found'],
    ['GET', '/task/unknown?waitSeconds=31', 422, 'invalid_fields'],
    ['GET', '/task/unknown?waitSeconds=soon', 422, 'invalid_fields'],
    ['GET', '/task/unknown?wait=1', 422, 'invalid_fields'],
    ['GET', '/tasks?limit=201', 422, 'invalid_fields'],
    ['GET', '/tasks?limit=-1', 422, 'invalid_fields'],
    ['GET', '/tasks?limit=x', 422, 'invalid_fields'],
    ['GET', '/tasks?status=gone', 422, 'invalid_fields'],
    ['GET', '/tasks?cursor=abc', 422, 'invalid_fields'],
    ['GET', `/tasks?cursor=${Buffer.from('{"value":"x","id":1}').toString('base64url')}`, 422, 'invalid_fields'],
    ['GET', '/tasks?colour=red', 422, 'invalid_fields'],
    ['POST', '/callbacks/ingest', 400, 'job_id_required'],
  ];
  for (const [method, path, status, code] of paths) {
    it(`answers ${method} ${path.slice(0, 50)} with ${status} ${code}`, async () =>
      refused(method === 'GET' ? await stack.get<Refusal>(path) : await stack.post<Refusal>(path, {}), status, code));
  }

  it('takes any text in payload and metadata and gives it back as it was, in both modes', async () => {
    const payload = Object.fromEntries(naughtyStrings.map((text, index) => [`${index}`, { [`k${text}`]: text }]));
    for (const mode of ['http', 'pubsub']) {
      const { body } = await stack.dispatch({ mode, payload, metadata: { strings: naughtyStrings } });
      const view = await stack.ended(body.id);
      assert.deepEqual([view.status, view.payload, view.metadata], ['succeeded', payload, { strings: naughtyStrings }]);
      assert.deepEqual(view.result, { echo: payload });
    }
  });

  it('takes any text without control characters as an idempotency key or trace id', async () => {
    for (const text of naughtyStrings.filter((one) => one !== '' && !/\p{Cc}/u.test(one))) {
      const view = await stack.run({ idempotencyKey: text, traceId: text });
      assert.deepEqual([view.status, view.idempotencyKey, view.traceId], ['succeeded', text, text]);
    }
  });
});
