import assert from 'node:assert/strict';
import { accountEmail, functionUrl, pushAccountEmail } from '../../functions/core/addresses.ts';
import { httpListener, type Listener } from '../support/http-listener.ts';
import type { Refusal } from '../support/stack.ts';
import { type EmbeddedTestStack, embeddedStack } from '../support/stack-embedded.ts';

describe('the tools of MCP servers', function () {
  this.timeout(30_000);
  let stack: EmbeddedTestStack;
  let broken: Listener;
  before(async () => {
    broken = await httpListener(() => ({ status: 500, body: {} }));
    const mcpServers = [
      { name: 'broken', url: `${broken.url}/mcp` },
      { name: 'absent', command: '/no/such/file', env: { TOKEN: 'abc-secret-def' } },
    ];
    stack = await embeddedStack({ mcpServers });
  });
  after(async () => {
    await stack?.stop();
    await broken?.close();
  });

  const direct = async (email: string | undefined, body: unknown = { server: 'absent' }) => {
    const audience = functionUrl(stack.settings, 'agent-light');
    const token = email === undefined ? undefined : await stack.local.issuer.token({ email, audience });
    return stack.post<Refusal>(`${audience}/mcp/tools`, body, token === undefined ? {} : { authorization: `Bearer ${token}` });
  };

  it('of a server that does not answer, or does not start, are a bad gateway, without how it is reached', async () => {
    for (const name of ['broken', 'absent']) {
      const { status, body } = await stack.get<Refusal>(`/mcp/${name}/tools`);
      assert.deepEqual([status, body.code], [502, 'mcp_unreachable'], name);
      assert.doesNotMatch(JSON.stringify(body), /abc-secret-def|no.such.file/);
    }
    const { body } = await stack.get('/mcp');
    assert.deepEqual(body, { servers: [{ name: 'broken' }, { name: 'absent' }] });
  });

  it('are asked of agent-light by dispatch alone', async () => {
    assert.equal((await direct(accountEmail(stack.settings, 'dispatch'))).body.code, 'mcp_unreachable');
    const others = ['results', 'agent-light', 'control'].map((name) => accountEmail(stack.settings, name));
    for (const email of [undefined, pushAccountEmail(stack.settings), ...others]) {
      const { status } = await direct(email);
      assert.equal(status, 401, email);
    }
  });

  it('are asked for by the name of a server of the settings, and by nothing else', async () => {
    const email = accountEmail(stack.settings, 'dispatch');
    for (const body of [{ server: 'touch' }, { server: '/usr/bin/touch' }, { server: '__proto__' }])
      assert.equal((await direct(email, body)).status, 404, JSON.stringify(body));
    for (const body of [{}, { server: 1 }, { server: { command: 'touch' } }, { server: 'absent', command: 'touch' }, [], null])
      assert.equal((await direct(email, body)).status, 422, JSON.stringify(body));
  });

  it('are out of reach while agent-light is', async () => {
    const url = 'http://127.0.0.1:9';
    const { egress } = stack.runtime('dispatch');
    const { getTools } = await import('../../functions/dispatch/mcp-tools.ts');
    const settings = { ...stack.settings, functionUrls: { ...stack.settings.functionUrls, 'agent-light': url } };
    const runtime = { ...stack.runtime('dispatch'), settings, egress };
    await assert.rejects(getTools(runtime, 'absent'), { status: 503, code: 'agent_unreachable' });
  });

  it('need a key that may read', async () => {
    const guarded = await embeddedStack({ auth: 'required', mcpServers: [{ name: 'one', command: '/no/such/file' }] });
    try {
      for (const path of ['/mcp', '/mcp/one/tools']) {
        assert.equal((await guarded.get(path, { authorization: 'Bearer nothing' })).status, 401, path);
      }
      assert.equal((await guarded.get('/mcp')).status, 200);
    } finally {
      await guarded.stop();
    }
  });
});

describe('a function without MCP servers', () => {
  it('reaches none', async () => {
    const stack = await embeddedStack({ mcpServers: [{ name: 'one', command: '/no/such/file' }] });
    try {
      for (const name of ['dispatch', 'control', 'results', 'codex'])
        await assert.rejects(
          stack.runtime(name).mcp.use('one', new AbortController().signal, async () => {}),
          { code: 'not_granted' },
        );
    } finally {
      await stack.stop();
    }
  });
});
