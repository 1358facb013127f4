import assert from 'node:assert/strict';
import { newApiKey, type Scope } from '../../functions/core/authenticate.ts';
import { type QuietStack, quietStack } from '../corpora/quiet-stack.ts';
import type { Refusal, View } from '../support/stack.ts';
import { type EmbeddedTestStack, embeddedStack } from '../support/stack-embedded.ts';
import { claimAsCodex } from '../support/stack-push.ts';

describe('credentials, where they are required', function () {
  this.timeout(20_000);
  let stack: EmbeddedTestStack;
  const client = 'someone@acme.iam.gserviceaccount.com';
  before(async () => {
    stack = await embeddedStack({ auth: 'required', clients: [{ email: client, tenant: 'acme', scopes: ['read'] }] });
  });
  after(() => stack.stop());

  /** A stored key, as the header that carries it. */
  async function keyOf(tenant: string, scopes: Scope[], part: object = {}): Promise<Record<string, string>> {
    const random = (bytes: number) => Buffer.from(crypto.getRandomValues(new Uint8Array(bytes))).toString('hex');
    const { key, id, record } = newApiKey(random, { tenant, scopes, createdAt: Date.now(), ...part });
    await stack.control.commit([{ kind: 'create', collection: 'keys', id, data: { ...record, ...part } }]);
    return { authorization: `Bearer ${key}` };
  }
  const none = { authorization: '' };

  const paths: [string, string][] = [
    ['POST', '/dispatch'],
    ['GET', '/tasks'],
    ['GET', '/task/x'],
    ['GET', '/task-status/x'],
    ['GET', '/task/x/events'],
    ['POST', '/task/x/cancel'],
    ['POST', '/task/x/redrive'],
    ['GET', '/callbacks/key'],
    ['POST', '/api/v1/ssh/exec'],
    ['POST', '/task/x/claim'],
    ['POST', '/task/adopt'],
    ['POST', '/register-agent'],
    ['GET', '/agents'],
    ['GET', '/agents/light'],
    ['POST', '/agents/light/enable'],
    ['POST', '/agents/light/disable'],
    ['POST', '/agents/light/heartbeat'],
  ];
  const bad: [string, Record<string, string>][] = [
    ['none', none],
    ['an unknown key', { authorization: `Bearer hg.${'a'.repeat(16)}.${'b'.repeat(43)}` }],
    ['a malformed key', { authorization: 'Bearer hg.x.y' }],
    ['a malformed key in X-API-Key', { authorization: '', 'x-api-key': 'hello' }],
    ['a token that is none', { authorization: 'Bearer a.b.c' }],
    ['basic credentials', { authorization: 'Basic YTpi' }],
  ];
  describe('where nothing sweeps', () => {
    let quiet: QuietStack;
    before(async () => {
      quiet = await quietStack({ auth: 'required' });
    });
    after(() => quiet.close());

    for (const [method, path] of paths) {
      it(`${method} ${path} is 401 without good ones, and writes nothing`, async () => {
        const { writes } = quiet.written();
        for (const [name, headers] of bad) {
          const { get, post } = quiet.stack;
          const reply = method === 'GET' ? await get<Refusal>(path, headers) : await post<Refusal>(path, {}, headers);
          assert.deepEqual([reply.status, reply.body.code], [401, 'unauthenticated'], name);
          assert.equal(reply.headers.get('www-authenticate'), 'Bearer');
        }
        assert.equal(quiet.written().writes, writes);
      });
    }
  });

  it('are taken in either header; /healthz needs none', async () => {
    assert.equal((await stack.dispatch({})).status, 200);
    const authorization = `Bearer ${stack.local.key}`;
    assert.equal((await stack.dispatch({}, { authorization })).status, 200);
    for (const url of [stack.url, ...Object.values(stack.local.functionUrls)])
      assert.equal((await fetch(`${url}/healthz`)).status, 200);
  });

  it('allow what their scopes name: 403 for the rest', async () => {
    const [reader, dispatcher, admin] = await Promise.all([
      keyOf('default', ['read']),
      keyOf('default', ['dispatch']),
      keyOf('default', ['admin']),
    ]);
    const rows: [Record<string, string>, number, number][] = [
      [reader, 403, 200],
      [dispatcher, 200, 403],
      [admin, 200, 200],
    ];
    for (const [headers, dispatching, reading] of rows) {
      assert.equal((await stack.dispatch({}, headers)).status, dispatching);
      assert.equal((await stack.get('/tasks', headers)).status, reading);
    }
    assert.equal((await stack.post<Refusal>('/task/x/cancel', {}, reader)).body.code, 'forbidden');
  });

  it('of an expired or revoked key are 401', async () => {
    const expired = await keyOf('default', ['admin'], { expiresAt: Date.now() - 1 });
    const revoked = await keyOf('default', ['admin'], { revoked: true });
    const soon = await keyOf('default', ['admin'], { expiresAt: Date.now() + 400 });
    assert.equal((await stack.get('/tasks', soon)).status, 200);
    for (const headers of [expired, revoked]) assert.equal((await stack.get('/tasks', headers)).status, 401);
    await new Promise((resolve) => setTimeout(resolve, 450));
    assert.equal((await stack.get('/tasks', soon)).status, 401, 'a remembered key outlived its time');
  });

  it('with one wrong character are 401, though the key has just been used', async () => {
    const { authorization = '' } = await keyOf('default', ['admin']);
    assert.equal((await stack.get('/tasks', { authorization })).status, 200);
    const wrong = `${authorization.slice(0, -1)}${authorization.endsWith('A') ? 'B' : 'A'}`;
    assert.equal((await stack.get('/tasks', { authorization: wrong })).status, 401);
  });

  it('show each tenant its own tasks alone: 404 for others, with every verb', async () => {
    const [acme, other] = await Promise.all([keyOf('acme', ['admin']), keyOf('other', ['admin'])]);
    const { body } = await stack.dispatch({ traceId: 'tenants', idempotencyKey: 'shared' }, acme);
    for (const path of [`/task/${body.id}`, `/task-status/${body.id}`, `/task/${body.id}/events`]) {
      assert.equal((await stack.get(path, acme).catch(() => ({ status: 200 }))).status, 200);
      assert.equal((await stack.get<Refusal>(path, other)).body.code, 'task_not_found');
    }
    for (const verb of ['cancel', 'redrive']) {
      assert.equal((await stack.post<Refusal>(`/task/${body.id}/${verb}`, {}, other)).body.code, 'task_not_found');
    }
    assert.deepEqual((await stack.get<{ tasks: View[] }>('/tasks?trace=tenants', other)).body.tasks, []);
    assert.equal((await stack.get<{ tasks: View[] }>('/tasks?trace=tenants', acme)).body.tasks.length, 1);
    const waiting = await stack.dispatch<Refusal>({ dependencies: [body.id] }, other);
    assert.deepEqual([waiting.status, waiting.body.code], [422, 'dependency_not_found']);
    const same = await stack.dispatch({ idempotencyKey: 'shared', payload: { other: 1 } }, other);
    assert.equal(same.status, 200);
    assert.notEqual(same.body.id, body.id);
    const keys = await Promise.all([acme, other].map((headers) => stack.get<{ keys: string[] }>('/callbacks/key', headers)));
    assert.notDeepEqual(keys[0]?.body.keys, keys[1]?.body.keys);
  });

  it('of a Google-signed token count for the clients of the settings, within their scopes and tenant', async () => {
    const audience = String(stack.local.functionUrls.dispatch);
    const bearer = async (email: string) => ({ authorization: `Bearer ${await stack.local.issuer.token({ email, audience })}` });
    assert.equal((await stack.get('/tasks', await bearer(client))).status, 200);
    assert.equal((await stack.dispatch({}, await bearer(client))).status, 403);
    assert.equal(
      (await stack.get<Refusal>('/tasks', await bearer('stranger@acme.iam.gserviceaccount.com'))).body.code,
      'forbidden',
    );
    const { body } = await stack.get<{ tasks: View[] }>('/tasks', await bearer(client));
    assert.ok(body.tasks.every((task) => task.traceId === 'tenants'));
  });

  it('of one agent do not claim for another', async () => {
    const { body } = await stack.dispatch({ agent: 'codex', notBefore: Date.now() / 1000 + 60 });
    for (const as of ['agent-light', 'dispatch', 'push']) assert.equal((await claimAsCodex(stack, body.id, {}, as)).status, 403);
    assert.equal((await claimAsCodex(stack, body.id, { agent: 'light' })).status, 403);
    assert.equal((await claimAsCodex(stack, body.id, { agent: 'nobody' })).status, 403);
    const light = (await stack.dispatch({ notBefore: Date.now() / 1000 + 60 })).body;
    assert.equal((await claimAsCodex(stack, light.id)).status, 404);
    assert.equal((await claimAsCodex(stack, body.id)).body.kind, 'acknowledge');
  });
});
