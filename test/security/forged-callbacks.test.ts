import assert from 'node:assert/strict';
import { newApiKey, type Scope } from '../../functions/core/authenticate.ts';
import { bodyHmac, type Headers, lateIntent, standard } from '../dispatch/orchestrate/late-answers.ts';
import type { Refusal, View } from '../support/stack.ts';
import { type EmbeddedTestStack, embeddedStack } from '../support/stack-embedded.ts';
import { answers, type WebhookServer, webhookServer } from '../support/webhook-server.ts';

describe('a callback that somebody forges', function () {
  this.timeout(30_000);
  let stack: EmbeddedTestStack;
  let hook: WebhookServer;
  let acme: Headers;
  /** Of acme's late.run, of another intent of acme's, of another tenant's late.run, of acme's own callbacks. */
  let keys: Record<'its' | 'of another intent' | 'of another tenant' | 'of callbacks out', string>;
  let jobId: string;
  let unchanged: unknown;
  let reads = 0;
  let written = 0;

  before(async () => {
    hook = await webhookServer();
    hook.behaviours.set('/late', answers(202));
    const intents = [lateIntent(hook.url), { ...lateIntent(hook.url), name: 'other.run' }];
    stack = await embeddedStack({ auth: 'required', intents, 'times.sweepMs': 3_600_000, 'times.orchestrateWaitMs': 300 });
    acme = await credentials('acme', ['dispatch', 'read', 'admin']);
    const other = await credentials('other', ['dispatch', 'read', 'admin']);
    keys = {
      its: await keyOf('?intent=late.run', acme),
      'of another intent': await keyOf('?intent=other.run', acme),
      'of another tenant': await keyOf('?intent=late.run', other),
      'of callbacks out': await keyOf('', acme),
    };
    assert.equal(new Set(Object.values(keys)).size, 4);
    const { documents } = stack.runtime('dispatch');
    const { get, commit } = documents;
    Object.assign(documents, {
      get: (...given: Parameters<typeof get>) => {
        reads += 1;
        return get(...given);
      },
      commit: (...given: Parameters<typeof commit>) => {
        written += 1;
        return commit(...given);
      },
    });
  });
  after(async () => {
    await stack?.stop();
    await hook?.close();
  });
  beforeEach(async () => {
    jobId = await parked();
    unchanged = await view();
    reads = 0;
    written = 0;
  });

  async function credentials(tenant: string, scopes: Scope[]): Promise<Headers> {
    const random = (bytes: number) => Buffer.from(crypto.getRandomValues(new Uint8Array(bytes))).toString('hex');
    const { key, id, record } = newApiKey(random, { tenant, scopes, createdAt: Date.now() });
    await stack.control.commit([{ kind: 'create', collection: 'keys', id, data: { ...record } }]);
    return { authorization: `Bearer ${key}` };
  }
  const keyOf = async (query: string, headers: Headers) =>
    String((await stack.get<{ keys: string[] }>(`/callbacks/key${query}`, headers)).body.keys[0]);
  let asked = 0;
  async function parked(): Promise<string> {
    asked += 1;
    const { body } = await stack.post<{ job_id: string }>('/orchestrate', { intent: 'late.run', inputs: { asked } }, acme);
    for (;;) {
      const { body: task } = await stack.get<View>(`/task/${body.job_id.slice(4)}`, acme);
      if (task.timeline.at(-1)?.event === 'parked') return body.job_id;
    }
  }
  const view = async () => (await stack.get<View>(`/task/${jobId.replace('job_', '')}`, acme)).body;
  const none = { authorization: '' };
  const send = (body: string, headers: Headers) => stack.post<Refusal>('/callbacks/ingest', body, { ...none, ...headers });
  const report = (more: object = {}) => JSON.stringify({ job_id: jobId, status: 'success', result: 'forged', ...more });

  const cut = (headers: Headers, name: string, by = -1): Headers => ({ ...headers, [name]: String(headers[name]).slice(0, by) });
  const ago = (ms: number): Date => new Date(Date.now() - ms);
  const forged: [name: string, make: (body: string) => readonly [string, Headers]][] = [
    ...(['of another intent', 'of another tenant', 'of callbacks out'] as const).flatMap((whose): typeof forged => [
      [`signed with the key ${whose}`, (body) => [body, bodyHmac(body, keys[whose])]],
      [`signed with the key ${whose}, as a webhook`, (body) => [body, standard(body, keys[whose])]],
    ]),
    ['signed with an empty key', (body) => [body, bodyHmac(body, '')]],
    ['signed with the key without whsec_', (body) => [body, bodyHmac(body, keys.its.slice(6))]],
    ['with a signature that is cut off', (body) => [body, cut(bodyHmac(body, keys.its), 'x-signature')]],
    ['with half a signature', (body) => [body, cut(bodyHmac(body, keys.its), 'x-signature', 32)]],
    ['with an empty signature', (body) => [body, { 'x-signature': '' }]],
    ['with nothing behind sha256=', (body) => [body, { 'x-signature': 'sha256=' }]],
    [
      'with the signature twice in one header',
      (body) => [body, { 'x-signature': Array(2).fill(bodyHmac(body, keys.its)['x-signature']).join(', ') }],
    ],
    ['changed by one byte', (body) => [body.replace('forged', 'forgee'), bodyHmac(body, keys.its)]],
    ['with a space more', (body) => [`${body} `, bodyHmac(body, keys.its)]],
    ['for another job', (body) => [body, bodyHmac(report({ job_id: 'job_another' }), keys.its)]],
    ['as a webhook that is cut off', (body) => [body, cut(standard(body, keys.its), 'webhook-signature')]],
    ['as a webhook with another id', (body) => [body, { ...standard(body, keys.its), 'webhook-id': 'msg_2' }]],
    ['as a webhook without an id', (body) => [body, { ...standard(body, keys.its), 'webhook-id': '' }]],
    [
      'as a webhook with a fresh time',
      (body) => [body, { ...standard(body, keys.its, 'm', ago(400_000)), 'webhook-timestamp': `${Math.floor(Date.now() / 1000)}` }],
    ],
    ['as a webhook of six minutes ago', (body) => [body, standard(body, keys.its, 'm', ago(360_000))]],
    ['as a webhook of the future', (body) => [body, standard(body, keys.its, 'm', ago(-360_000))]],
    [
      'as a webhook of the past, with a good X-Signature of something else',
      (body) => [body, { ...standard(body, keys.its, 'm', ago(360_000)), ...bodyHmac(body, keys.its) }],
    ],
    [
      'as a webhook of another version',
      (body) => [
        body,
        {
          ...standard(body, keys.its),
          'webhook-signature': String(standard(body, keys.its)['webhook-signature']).replace('v1,', 'v2,'),
        },
      ],
    ],
  ];
  for (const [name, make] of forged) {
    it(`${name} is refused, after one read and no write, as for a job that there is not`, async () => {
      const { status, body } = await send(...make(report()));
      assert.deepEqual([status, body.code], [401, 'unauthenticated']);
      assert.deepEqual([reads, written], [1, 0]);
      const there = jobId;
      jobId = 'job_0123456789abcdef0123456789abcdef';
      const absent = await send(...make(report()));
      assert.deepEqual([absent.status, absent.body], [status, body]);
      jobId = there;
      assert.deepEqual(await view(), unchanged);
    });
  }

  it('without a signature or a token is refused, before anything is read', async () => {
    for (const body of [report(), report({ outcome: { status: 'succeeded' }, epoch: 1 })]) {
      const { status, body: refusal } = await send(body, {});
      assert.deepEqual([status, refusal.code], [422, 'invalid_fields']);
    }
    const { epoch } = hook.calls.at(-1)?.body ?? {};
    const guess = { job_id: jobId, epoch, outcomeToken: 'flow:late.run.AAAA', outcome: { status: 'succeeded' } };
    const signed = JSON.stringify(guess);
    assert.equal((await send(signed, bodyHmac(signed, keys.its))).status, 401, 'a token is judged as one, however it is signed');
    assert.equal(reads, 0);
    assert.deepEqual(await view(), unchanged);
  });

  it('without a job_id is 400, whatever it is signed with', async () => {
    for (const body of ['{}', '{"status":"success"}', '[]', 'null', '"x"', '1']) {
      const { status, body: refusal } = await send(body, bodyHmac(body, keys.its));
      assert.deepEqual([status, refusal.code], [400, 'job_id_required'], body);
    }
    assert.equal(reads, 0);
  });

  it('with a job_id that is none is refused, and nothing is read for it', async () => {
    for (const id of [1, null, {}, { toString: 1 }, [jobId], '', '../x', '__x__', `${jobId}\u0000`, 'x'.repeat(500)]) {
      const body = JSON.stringify({ job_id: id, status: 'success' });
      const { status, body: refusal } = await send(body, bodyHmac(body, keys.its));
      assert.deepEqual([status, refusal.code], [401, 'unauthenticated'], JSON.stringify(id));
    }
    assert.deepEqual([reads, written], [0, 0]);
  });

  it('that is huge is refused before it is parsed', async () => {
    const body = report({ result: 'x'.repeat(1_100_000) });
    const { status, body: refusal } = await send(body, bodyHmac(body, keys.its));
    assert.deepEqual([status, refusal.code, reads], [413, 'request_too_large', 0]);
    assert.equal((await send(body, { ...acme, ...bodyHmac(body, keys.its) })).status, 200, 'a caller with credentials may');
  });

  it('ends no task that is not of a flow', async () => {
    const { body: task } = await stack.dispatch<View>({ agent: 'codex', notBefore: Date.now() / 1000 + 600 }, acme);
    jobId = task.id;
    for (const key of Object.values(keys)) assert.equal((await send(report(), bodyHmac(report(), key))).status, 401);
    assert.equal((await view()).status, 'waiting');
  });

  it('captured and sent again changes nothing, also after five minutes by the clock of its sender', async () => {
    const body = report({ result: 'true' });
    const headers = standard(body, keys.its, 'msg_captured');
    assert.equal((await send(body, headers)).status, 200);
    const ended = await view();
    assert.deepEqual([ended.status, ended.result], ['succeeded', 'true']);
    written = 0;
    assert.equal((await send(body, headers)).status, 200);
    assert.equal((await send(body, bodyHmac(body, keys.its))).status, 200);
    assert.equal((await send(body, standard(body, keys.its, 'msg_captured', ago(301_000)))).status, 401);
    assert.deepEqual([await view(), written], [ended, 0]);
  });

  it('needs a key that admins alone are given, of an intent that there is', async () => {
    const rows: [Scope[], string, number][] = [
      [['read'], '', 403],
      [['dispatch'], '', 200],
      [['read'], '?intent=late.run', 403],
      [['dispatch'], '?intent=late.run', 403],
      [['admin'], '?intent=late.run', 200],
      [['admin'], '?intent=no.such', 404],
      [['admin'], '?intent=http.fetch', 404],
      [['admin'], '?intent=', 422],
      [['admin'], '?tenant=other', 422],
    ];
    for (const [scopes, query, status] of rows) {
      const reply = await stack.get(`/callbacks/key${query}`, await credentials('acme', scopes));
      assert.equal(reply.status, status, `${scopes} ${query}`);
    }
    assert.equal((await stack.get('/callbacks/key?intent=late.run', none)).status, 401);
  });
});
