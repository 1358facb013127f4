import assert from 'node:assert/strict';
import { newApiKey, type Scope } from '../../functions/core/authenticate.ts';
import { topology } from '../../functions/topology.ts';
import type { Refusal } from '../support/stack.ts';
import { type EmbeddedTestStack, embeddedStack } from '../support/stack-embedded.ts';

type Headers = Record<string, string>;
interface Listed {
  readonly agents: readonly { readonly name: string; readonly source: string; readonly enabled: boolean }[];
}

describe('who may do what with agents', function () {
  this.timeout(20_000);
  let stack: EmbeddedTestStack;
  const client = 'operator@acme.iam.gserviceaccount.com';
  before(async () => {
    const clients = [{ email: client, tenant: 'acme', scopes: ['admin'] }];
    stack = await embeddedStack({ auth: 'required', 'times.switchesMs': 200, clients });
  });
  after(() => stack.stop());

  async function keyOf(tenant: string, ...scopes: Scope[]): Promise<Headers> {
    const random = (bytes: number) => Buffer.from(crypto.getRandomValues(new Uint8Array(bytes))).toString('hex');
    const { key, id, record } = newApiKey(random, { tenant, scopes, createdAt: Date.now() });
    await stack.control.commit([{ kind: 'create', collection: 'keys', id, data: { ...record } }]);
    return { authorization: `Bearer ${key}` };
  }
  const mock = (name: string, part: object = {}) => ({ name, handler_type: 'mock', ...part });
  const ask = (method: string, path: string, headers: Headers) =>
    method === 'GET' ? stack.get(path, headers) : method === 'DELETE' ? stack.delete(path, headers) : stack.post(path, {}, headers);

  it('is said by the scopes: reading looks, dispatching beats, the rest is the administrator’s', async () => {
    const admin = await keyOf('default', 'admin');
    await stack.post('/register-agent', mock('scoped'), admin);
    const rows: [method: string, path: string, allowed: Exclude<Scope, 'dangerous'>][] = [
      ['GET', '/agents', 'read'],
      ['GET', '/agents/scoped', 'read'],
      ['POST', '/agents/scoped/heartbeat', 'dispatch'],
      ['POST', '/agents/scoped/disable', 'admin'],
      ['POST', '/agents/scoped/enable', 'admin'],
      ['POST', '/register-agent', 'admin'],
      ['DELETE', '/agents/scoped', 'admin'],
      ['GET', '/audit', 'admin'],
      ['GET', '/audit/export?event=nothing', 'admin'],
    ];
    const keys = { read: await keyOf('default', 'read'), dispatch: await keyOf('default', 'dispatch') };
    for (const [method, path, allowed] of rows) {
      for (const scope of ['read', 'dispatch'] as const) {
        if (scope === allowed) continue;
        const { status, body } = await ask(method, path, keys[scope]);
        assert.deepEqual([status, (body as unknown as Refusal).code], [403, 'forbidden'], `${method} ${path} with ${scope}`);
      }
      const { status } = await ask(method, path, allowed === 'admin' ? admin : keys[allowed]);
      assert.equal(status, path === '/register-agent' ? 422 : 200, `${method} ${path}`);
    }
  });

  it('ends at the tenant: nobody finds, changes or switches off another’s agents', async () => {
    const [acme, other] = await Promise.all([keyOf('acme', 'admin'), keyOf('other', 'admin')]);
    assert.equal((await stack.post('/register-agent', mock('theirs', { result: 'acme' }), acme)).status, 200);
    for (const [method, path] of [
      ['GET', '/agents/theirs'],
      ['DELETE', '/agents/theirs'],
      ['POST', '/agents/theirs/disable'],
      ['POST', '/agents/theirs/heartbeat'],
    ] as const) {
      assert.equal((await ask(method, path, other)).status, 404, `${method} ${path}`);
    }
    assert.deepEqual(
      (await stack.get<Listed>('/agents', other)).body.agents.filter(({ source }) => source === 'registered'),
      [],
    );
    assert.equal((await stack.dispatch<Refusal>({ agent: 'theirs' }, other)).body.code, 'agent_not_found');
    // The same name is another agent.
    await stack.post('/register-agent', mock('theirs', { result: 'other' }), other);
    assert.equal((await stack.dispatch({ agent: 'theirs' }, acme)).body.result, 'acme');
    assert.equal((await stack.dispatch({ agent: 'theirs' }, other)).body.result, 'other');
  });

  it('ends at the tenant for the record of decisions, and for what happened to tasks', async () => {
    const [one, two] = await Promise.all([keyOf('one', 'admin', 'dispatch'), keyOf('two', 'admin')]);
    await stack.post('/register-agent', mock('recorded'), one);
    const { id } = (await stack.dispatch({ agent: 'recorded' }, one)).body;
    const entries = async (query: string, headers: Headers) =>
      (await stack.get<{ entries?: unknown[] }>(`/audit${query}`, headers)).body.entries?.length;
    assert.deepEqual([await entries('', one), await entries(`?taskId=${id}`, one)], [1, 3]);
    assert.deepEqual([await entries('', two), await entries('?entity=agent:recorded', two)], [0, 0]);
    assert.equal((await stack.get<Refusal>(`/audit?taskId=${id}`, two)).body.code, 'task_not_found');
    assert.equal((await stack.get<Refusal>(`/audit?entity=task:${id}`, two)).status, 404);
    assert.deepEqual((await stack.get<unknown>('/audit/export', two)).body, { end: true });
  });

  it('holds for what is everybody’s too: off for one tenant, on for the others', async () => {
    const [acme, other] = await Promise.all([keyOf('acme', 'admin'), keyOf('other', 'admin')]);
    await stack.post('/agents/light/disable', {}, acme);
    await new Promise((resolve) => setTimeout(resolve, 250));
    assert.equal((await stack.dispatch({}, acme)).status, 409);
    assert.equal((await stack.dispatch({}, other)).status, 200);
    const enabled = async (headers: Headers) =>
      (await stack.get<Listed>('/agents', headers)).body.agents.find(({ name }) => name === 'light')?.enabled;
    assert.deepEqual([await enabled(acme), await enabled(other)], [false, true]);
    await stack.post('/agents/light/enable', {}, acme);
  });

  it('also goes for a Google-signed token, whose audience is this function alone', async () => {
    const bearer = async (name: string): Promise<Headers> => {
      const audience = String(stack.local.functionUrls[name]);
      return { authorization: `Bearer ${await stack.local.issuer.token({ email: client, audience })}` };
    };
    assert.equal((await stack.get('/agents', await bearer('control'))).status, 200);
    assert.equal((await stack.get('/agents', await bearer('dispatch'))).status, 401);
  });

  it('lets nothing that runs tasks write what it is held by', async () => {
    const writers = Object.entries(topology.functions)
      .filter(([, { roles }]) =>
        roles.some((role) => role.kind === 'database' && role.database === 'control' && role.access === 'write'),
      )
      .map(([name]) => name);
    // `backups` runs no tasks: it records there what was decided about projects.
    assert.deepEqual(writers, ['backups', 'control']);
  });
});
