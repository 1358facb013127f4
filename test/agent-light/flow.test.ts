import assert from 'node:assert/strict';
import { type EmbeddedTestStack, embeddedStack } from '../support/stack-embedded.ts';
import { answers, type Behaviour, type WebhookServer, webhookServer } from '../support/webhook-server.ts';

interface JobView {
  readonly job_id: string;
  readonly status: string;
  readonly result?: unknown;
  readonly error?: { readonly code: string; readonly message: string };
  readonly metrics: { readonly attempts: number };
  readonly logs: readonly { readonly message: string; readonly [detail: string]: unknown }[];
  readonly [field: string]: unknown;
}

const JSON_TYPE = { 'content-type': 'application/json' };
const html = { 'content-type': 'text/html; charset=utf-8' };
const LARGE = 1_000_000;

/** What a webhook does, and what becomes of the job: its status, its result or its error, and how often it was asked. */
const rows: [name: string, behaviour: Behaviour, status: string, came: unknown, attempts: number][] = [
  ['JSON', answers(200, '{"sent":2}', JSON_TYPE), 'success', { sent: 2 }, 1],
  ['JSON of another type', answers(201, '[1]', { 'content-type': 'application/vnd.n8n+json; charset=utf-8' }), 'success', [1], 1],
  ['JSON without a type', answers(200, '{"a":null}'), 'success', { a: null }, 1],
  ['text without a type', answers(200, 'Workflow was started'), 'success', 'Workflow was started', 1],
  ['text that looks like JSON', answers(200, '42', html), 'success', '42', 1],
  ['text', answers(200, 'grüße', html), 'success', 'grüße', 1],
  ['nothing', answers(204), 'success', null, 1],
  ['nothing, as JSON', answers(200, '', JSON_TYPE), 'success', null, 1],
  ['JSON that is none', answers(200, '{"sent":', JSON_TYPE), 'error', 'invalid_reply', 1],
  ['JSON with a number too large', answers(200, '[1e999]', JSON_TYPE), 'error', 'invalid_reply', 1],
  [
    'bytes that are no text',
    (_call, response) => response.writeHead(200, { 'content-type': 'image/png' }).end(Buffer.from([0x89, 0x50, 0xff])),
    'error',
    'invalid_reply',
    1,
  ],
  ['more than is taken', answers(200, JSON.stringify('x'.repeat(LARGE)), JSON_TYPE), 'error', 'too_large', 1],
  [
    'more than can be read',
    (_call, response) => {
      response.writeHead(200, JSON_TYPE);
      for (let piece = 0; piece < 33; piece += 1) response.write(Buffer.alloc(1024 * 1024, 0x20));
      response.end('1');
    },
    'error',
    'egress_too_large',
    1,
  ],
  ['a redirect', answers(302, '', { location: '/json' }), 'error', 'flow_refused', 1],
  ['a redirect that keeps the method', answers(307, '', { location: '/json' }), 'error', 'flow_refused', 1],
  ['404', answers(404, '{"code":404}', JSON_TYPE), 'error', 'flow_refused', 1],
  ['401', answers(401), 'error', 'flow_refused', 1],
  ['500 each time', answers(500, '<html>'), 'error', 'attempts_exhausted', 3],
  ['429 each time', answers(429), 'error', 'attempts_exhausted', 3],
  ['408 each time', answers(408), 'error', 'attempts_exhausted', 3],
  ['a connection that is reset', (_call, response) => response.socket?.resetAndDestroy(), 'error', 'attempts_exhausted', 3],
  [
    'half an answer',
    (_call, response) => {
      response.writeHead(200, { ...JSON_TYPE, 'content-length': '100' });
      response.write('{"half":');
      setTimeout(() => response.destroy(), 20);
    },
    'error',
    'attempts_exhausted',
    3,
  ],
  [
    'half an answer in chunks',
    (_call, response) => {
      response.writeHead(200, JSON_TYPE);
      response.write('{"whole":1}');
      setTimeout(() => response.destroy(), 20);
    },
    'error',
    'attempts_exhausted',
    3,
  ],
];
const nameOf = (index: number): string => `row${index}.run`;

describe('a flow', function () {
  this.timeout(30_000);
  let stack: EmbeddedTestStack;
  let hook: WebhookServer;
  before(async () => {
    hook = await webhookServer();
    const own = ['steady.run', 'later.run', 'dated.run', 'traced.run'];
    stack = await embeddedStack({
      'limits.maxBytes': 500_000,
      'times.orchestrateWaitMs': 3_000,
      intents: [
        ...rows.map((_row, index) => ({ name: nameOf(index), mode: 'flow', target: `${hook.url}/${index}` })),
        ...own.map((name) => ({ name, mode: 'flow', target: `${hook.url}/${name}` })),
        { name: 'two.run', mode: 'flow', target: `${hook.url}/two`, concurrency: 2 },
        { name: 'metadata.run', mode: 'flow', target: 'http://169.254.169.254/hook' },
      ],
    });
  });
  after(async () => {
    await stack?.stop();
    await hook.close();
  });

  async function orchestrated(intent: string, more: object = {}): Promise<JobView> {
    const { status, body } = await stack.post<JobView>('/orchestrate', { intent, mode: 'flow', inputs: {}, ...more });
    assert.ok(status === 200 || status === 202, JSON.stringify(body));
    return body;
  }
  async function run(intent: string, more: object = {}): Promise<JobView> {
    const { job_id: jobId } = await orchestrated(intent, more);
    await stack.ended(jobId.slice('job_'.length));
    return (await stack.get<JobView>(`/jobs/${jobId}`)).body;
  }

  for (const [index, [name, behaviour, status, came, attempts]] of rows.entries()) {
    it(`that answers ${name} gives ${status}, after ${attempts === 1 ? 'one attempt' : `${attempts} attempts`}`, async () => {
      hook.behaviours.set(`/${index}`, behaviour);
      hook.behaviours.set('/json', answers(200, '{"followed":true}', JSON_TYPE));
      const job = await run(nameOf(index));
      assert.deepEqual([job.status, job.metrics.attempts], [status, attempts], JSON.stringify(job.error));
      if (status === 'success') assert.deepEqual(job.result, came);
      else assert.equal(job.error?.code, came);
      assert.equal(hook.callsOf(`/${index}`).length, attempts);
      assert.equal(hook.callsOf('/json').length, 0);
    });
  }

  it('is sent the intent, its inputs and the trace, and one idempotency key over all attempts', async () => {
    hook.behaviours.set('/traced.run', (call, response) => answers(call.body.epoch === 1 ? 503 : 200)(call, response));
    const trace = { trace_id: '0af7651916cd43dd8448eb211c80319c', user: 'u1' };
    const job = await run('traced.run', { inputs: { since: '1 hour ago' }, trace });
    const [one, two, ...others] = hook.callsOf('/traced.run');
    assert.ok(one && two);
    assert.deepEqual(others, []);
    const { outcomeToken, ...sent } = one.body;
    assert.deepEqual(sent, {
      intent: 'traced.run',
      inputs: { since: '1 hour ago' },
      trace,
      job_id: job.job_id,
      callback_url: `${stack.local.functionUrls.dispatch}/callbacks/ingest`,
      epoch: 1,
    });
    assert.notEqual(two.body.outcomeToken, outcomeToken);
    for (const { headers } of [one, two]) {
      assert.equal(`job_${headers['idempotency-key']}`, job.job_id);
      assert.match(String(headers.traceparent), /^00-0af7651916cd43dd8448eb211c80319c-[0-9a-f]{16}-01$/);
    }
  });

  it('is sent a trace made for it beside one that cannot be a traceparent', async () => {
    hook.behaviours.set('/steady.run', answers(200));
    await run('steady.run', { trace: 'my own trace' });
    const [{ body, headers } = assert.fail()] = hook.callsOf('/steady.run').slice(-1);
    assert.equal(body.trace, 'my own trace');
    assert.match(String(headers.traceparent), /^00-[0-9a-f]{32}-[0-9a-f]{16}-01$/);
  });

  for (const [intent, retryAfter] of [
    ['later.run', () => '1'],
    ['dated.run', () => new Date(Date.now() + 2_000).toUTCString()],
  ] as const) {
    it(`waits as long as Retry-After says, as ${intent === 'later.run' ? 'seconds' : 'a date'}`, async () => {
      hook.behaviours.set(`/${intent}`, (call, response) =>
        call.body.epoch === 1 ? answers(429, '', { 'retry-after': retryAfter() })(call, response) : answers(200)(call, response),
      );
      assert.equal((await run(intent)).status, 'success');
      const [first, second] = hook.callsOf(`/${intent}`);
      assert.ok(first && second);
      assert.ok(second.at - first.at >= 990, `${second.at - first.at} ms`);
    });
  }

  it('runs no more at once than its intent allows', async () => {
    let running = 0;
    let most = 0;
    hook.behaviours.set('/two', async (_call, response) => {
      most = Math.max(most, ++running);
      await new Promise((resolve) => setTimeout(resolve, 150));
      running -= 1;
      response.writeHead(200).end();
    });
    const jobs = await Promise.all(Array.from({ length: 6 }, (_, n) => run('two.run', { inputs: { n } })));
    assert.deepEqual([...new Set(jobs.map(({ status }) => status))], ['success']);
    assert.deepEqual([most, hook.callsOf('/two').length], [2, 6]);
  });

  it('goes to no metadata server, though the operator names it', async () => {
    const job = await run('metadata.run');
    assert.deepEqual([job.status, job.error?.code, job.metrics.attempts], ['error', 'egress_denied', 1]);
  });
});
