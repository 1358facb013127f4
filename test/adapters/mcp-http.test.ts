import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { setTimeout as pause } from 'node:timers/promises';
import { closeServer, listenLoopback } from '../../emulator-bridge/loopback.ts';
import { mcpServers } from '../../functions/adapters/mcp.ts';
import type { McpServers } from '../../functions/core/ports.ts';
import { readSettings } from '../../functions/core/settings.ts';
import { until } from '../support/folder.ts';
import { type Answer, httpListener, type Listener, type Received } from '../support/http-listener.ts';
import { silent } from '../support/stack.ts';

const never = new AbortController().signal;

/** What a server over streamable HTTP says to all but the calls of its tools. */
function greeting({ method, body }: Received): Answer {
  if (method !== 'POST') return { status: method === 'DELETE' ? 200 : 405 };
  const message = JSON.parse(body) as { id?: number; method: string; params: { protocolVersion?: string } };
  if (message.id === undefined) return { status: 202 };
  const result =
    message.method === 'initialize'
      ? { protocolVersion: message.params.protocolVersion, capabilities: { tools: {} }, serverInfo: { name: 's', version: '1' } }
      : { tools: [{ name: 'one', inputSchema: { type: 'object' } }] };
  return { status: 200, headers: { 'mcp-session-id': 'session-1' }, body: { jsonrpc: '2.0', id: message.id, result } };
}

describe('an MCP server behind an address', function () {
  this.timeout(20_000);
  let listener: Listener;
  let servers: McpServers;
  beforeEach(async () => {
    listener = await httpListener(greeting);
    servers = reaching(`${listener.url}/mcp`);
  });
  afterEach(async () => {
    await servers.close();
    await listener.close();
  });

  const reaching = (url: string, flags: object = {}): McpServers => {
    const settings = readSettings({}, { runtime: 'embedded', mcpServers: [{ name: 'one', url }], ...flags });
    return mcpServers({ settings, version: '1', log: silent });
  };
  const list = () => servers.use('one', never, (session) => session.tools());
  const call = (timeoutMs: number, signal = never) =>
    servers.use('one', never, (session) =>
      session.call({ tool: 'one', inputs: {}, effectId: 'e', timeoutMs, signal, onProgress() {} }),
    );
  const heard = (what: string) => listener.received.filter(({ method, body }) => method === what || body.includes(what));

  it('is asked in one session, its list once', async () => {
    assert.deepEqual(
      (await list()).map(({ name }) => name),
      ['one'],
    );
    await list();
    assert.equal(heard('tools/list').length, 1);
    assert.equal(heard('tools/list')[0]?.headers['mcp-session-id'], 'session-1');
    assert.equal(heard('"initialize"').length, 1);
  });

  it('has its list asked for again when that is old', async () => {
    await servers.close();
    servers = reaching(`${listener.url}/mcp`, { 'times.mcpToolsMs': 1 });
    await list();
    await pause(20);
    await list();
    assert.equal(heard('tools/list').length, 2);
  });

  for (const how of ['its time is up', 'the signal aborts']) {
    it(`is told that nobody waits any more when ${how}, and that the session is over`, async () => {
      listener.answer = async (request) => {
        if (request.body.includes('tools/call')) return new Promise(() => {});
        if (request.body.includes('cancelled')) await pause(300);
        return greeting(request);
      };
      const abort = new AbortController();
      const calling = how.startsWith('its') ? call(300) : call(60_000, abort.signal);
      setTimeout(() => abort.abort('cancel'), 300);
      await assert.rejects(calling, { code: 'mcp_timeout' });
      await until(() => heard('notifications/cancelled').length === 1 && heard('DELETE').length === 1, 3_000);
      const [told, over] = [heard('notifications/cancelled')[0], heard('DELETE')[0]] as [Received, Received];
      assert.ok(over.at - told.at >= 290, 'the session is over before the server took it in that nobody waits');
      assert.equal(over.headers['mcp-session-id'], 'session-1');
    });
  }

  it('that breaks off in the midst of an answer is not waited for', async () => {
    const server = createServer(async (request, response) => {
      const chunks: Buffer[] = [];
      for await (const chunk of request) chunks.push(chunk as Buffer);
      const body = Buffer.concat(chunks).toString();
      if (body.includes('tools/call')) {
        response.writeHead(200, { 'content-type': 'text/event-stream' }).write(': an answer begins\n\n');
        setTimeout(() => response.destroy(), 200);
        return;
      }
      const { status, headers, body: answer } = greeting({ method: request.method ?? '', body } as Received);
      response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(answer));
    });
    await servers.close();
    servers = reaching(`http://127.0.0.1:${await listenLoopback(server, 0)}/`);
    const at = Date.now();
    await assert.rejects(call(10_000), { code: 'mcp_disconnected', status: 502 });
    assert.ok(Date.now() - at < 2_000);
    await closeServer(server);
  });

  it('is not followed elsewhere', async () => {
    for (const status of [301, 302, 307, 308]) {
      for (const location of ['/elsewhere', 'https://example.com/mcp', 'http://169.254.169.254/']) {
        listener.answer = () => ({ status, headers: { location } });
        await assert.rejects(list(), { code: 'mcp_unreachable', message: /redirects are not followed/ });
      }
    }
    assert.ok(listener.received.every(({ path }) => path === '/mcp'));
  });

  it('is not read without end', async () => {
    let sent = 0;
    const server = createServer((_request, response) => {
      response.writeHead(200, { 'content-type': 'application/json' }).write('"');
      const chunk = Buffer.alloc(1_048_576, 'x');
      const more = () => {
        while (!response.destroyed) {
          sent += chunk.length;
          if (!response.write(chunk)) return;
        }
      };
      response.on('drain', more);
      more();
    });
    await servers.close();
    servers = reaching(`http://127.0.0.1:${await listenLoopback(server, 0)}/`);
    await assert.rejects(list(), { code: 'mcp_unreachable' });
    assert.ok(sent < 64 * 1024 * 1024, `${sent} bytes`);
    await closeServer(server);
  });

  for (const [title, answer] of [
    ['HTML', { status: 200, headers: { 'content-type': 'text/html' }, body: '<p>hello' }],
    ['an error', { status: 500, body: 'broken' }],
    ['a refusal', { status: 401, body: {} }],
    ['JSON that is no message', { status: 200, body: { hello: 1 } }],
    ['nothing', { status: 204 }],
  ] as const) {
    it(`that answers with ${title} cannot be reached`, async () => {
      await servers.close();
      servers = reaching(listener.url, { 'times.mcpStartMs': 1_000 });
      listener.answer = () => answer;
      await assert.rejects(list(), { code: 'mcp_unreachable' });
    });
  }

  it('may not be a metadata server', async () => {
    for (const url of ['http://169.254.169.254/', 'http://metadata.google.internal/', 'http://[fd20:ce::254]/']) {
      await servers.close();
      servers = reaching(url);
      await assert.rejects(list(), { code: 'mcp_unreachable', message: /The address is refused/ }, url);
    }
  });
});
