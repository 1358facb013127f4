import assert from 'node:assert/strict';
import { accountEmail, pushAccountEmail } from '../../functions/core/addresses.ts';
import { topology } from '../../functions/topology.ts';
import { describeWithEmulators } from '../support/emulators.ts';
import { httpListener, type Listener } from '../support/http-listener.ts';
import { quickVariables, type Refusal } from '../support/stack.ts';
import { type CloudTestStack, cloudStack } from '../support/stack-cloud.ts';
import { waysOfATask } from './way-of-a-task.ts';

describeWithEmulators('what the cloud runs: the deployed archives, with the stack’s own environment and invokers', () => {
  let stack: CloudTestStack;
  let agent: Listener;

  before(async function () {
    this.timeout(120_000);
    agent = await httpListener(() => ({ status: 200, body: { status: 'succeeded', result: {}, costCents: 1 } }));
    const agents = [{ name: 'remote', endpoint: `${agent.url}/run`, priceCents: 3 }];
    stack = await cloudStack({ ...quickVariables(), ORCHESTRATOR_AGENTS: JSON.stringify(agents) });
  });
  after(async function () {
    this.timeout(30_000);
    await stack?.stop();
    await agent?.close();
  });

  it('answers whether it lives without reading a secret', async () => {
    const { length } = stack.secrets.calls;
    for (const name of Object.keys(topology.functions)) {
      const response = await fetch(`${stack.origins[name]}/healthz`);
      assert.deepEqual([response.status, ((await response.json()) as { function: string }).function], [200, name]);
    }
    assert.equal(stack.secrets.calls.length, length);
  });

  it('asks for credentials', async () => {
    for (const headers of [{ 'x-api-key': '' }, { 'x-api-key': `hg.${'a'.repeat(16)}.${'b'.repeat(43)}` }]) {
      const { status, body } = await stack.dispatch<Refusal>({}, headers);
      assert.deepEqual([status, body.code], [401, 'unauthenticated']);
    }
  });

  it('calls nobody back on the machine it runs on', async () => {
    const { status, body } = await stack.dispatch<Refusal>({ callbackUrl: `${agent.url}/callback` });
    assert.deepEqual([status, body.code], [422, 'egress_denied']);
  });

  waysOfATask(
    () => stack,
    () => agent,
    { isLocal: false },
  );

  it('digests an object of the caller’s, in the bucket that agent-light may read', async () => {
    await stack.objects.put('uploads', 'default/a b.txt', Buffer.from('one two\n'));
    for (const mode of ['http', 'pubsub']) {
      const { body } = await stack.dispatch({ mode, payload: { handler: 'text.digest', url: 'gs://uploads/default/a b.txt' } });
      const view = await stack.ended(body.id);
      assert.deepEqual([view.status, view.result?.words, view.result?.bytes], ['succeeded', 2, 8], JSON.stringify(view.error));
    }
  });

  it('gives the callback key from Secret Manager', async () => {
    const { body } = await stack.get<{ keys: string[] }>('/callbacks/key');
    assert.match(String(body.keys), /^whsec_[\w+/]+=*$/);
    assert.ok(stack.secrets.calls.some((call) => call.includes('heliograph-webhook-keys')));
  });

  it('admits to a push function none but its callers, whatever the token says', async () => {
    const audience = String(stack.settings.functionUrls.results);
    const push = await stack.local.issuer.token({ email: pushAccountEmail(stack.settings), audience });
    const others = {
      'no token': undefined,
      'another function': await stack.local.issuer.token({ email: accountEmail(stack.settings, 'codex'), audience }),
      'another audience': await stack.local.issuer.token({
        email: pushAccountEmail(stack.settings),
        audience: 'https://elsewhere',
      }),
      'a token without its signature': `${push.slice(0, push.lastIndexOf('.'))}.SIGNATURE_REMOVED_BY_GOOGLE`,
    };
    const call = async (origin: string, token: string | undefined) => {
      const headers = { 'content-type': 'application/json', ...(token && { authorization: `Bearer ${token}` }) };
      return (await fetch(`${origin}/pubsub/results`, { method: 'POST', headers, body: '{}' })).status;
    };
    assert.equal(await call(audience, push), 204);
    for (const [who, token] of Object.entries(others)) assert.ok([401, 403].includes(await call(audience, token)), who);
    // Past Cloud Run, code would still refuse all but the last: that one is why no push function may be public.
    for (const who of ['no token', 'another function', 'another audience'] as const)
      assert.equal(await call(String(stack.origins.results), others[who]), 401, who);
  });

  it('leaves nothing on the disk of a function', () => {
    for (const name of Object.keys(topology.functions)) assert.deepEqual(stack.written(name), [], name);
  });
});
