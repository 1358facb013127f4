import assert from 'node:assert/strict';
import { createServer, request as open, type RequestListener } from 'node:http';
import { connect } from 'node:net';
import { type Front, type FrontOptions, startFront } from '../../emulator-bridge/front.ts';
import { functionsInProcess } from '../../emulator-bridge/functions-in-process.ts';
import { closeServer, freePorts, listenLoopback } from '../../emulator-bridge/loopback.ts';
import { routeTable } from '../../emulator-bridge/routes.ts';
import { rawBody } from '../../functions/core/http.ts';
import type { Room } from '../../functions/core/runtime.ts';
import { topology } from '../../functions/topology.ts';
import { until } from '../support/folder.ts';
import { quiet, type Receiver, receiver } from './kit.ts';

describe('front', () => {
  const release: (() => Promise<void>)[] = [];
  afterEach(async () => {
    for (const each of release.splice(0).reverse()) await each();
  });

  async function front(urls: Record<string, string>, more: Partial<FrontOptions> = {}): Promise<Front> {
    const options = {
      functions: topology.functions,
      urls,
      port: 0,
      customaryPorts: false,
      open: true,
      version: '1.2.3',
      log: quiet,
    };
    const started = await startFront({ ...options, ...more });
    release.push(() => started.stop());
    return started;
  }

  async function behind(listener: RequestListener): Promise<Receiver> {
    const started = await receiver(listener);
    release.push(started.close);
    return started;
  }

  const routes: [string, string | undefined][] = [
    ['/dispatch', 'dispatch'],
    ['/dispatch/', 'dispatch'],
    ['/dispatches', undefined],
    ['/task/1', 'dispatch'],
    ['/tasks', 'dispatch'],
    ['/taskse', undefined],
    ['/task-status/1', 'dispatch'],
    ['/run', 'agent-light'],
    ['/pubsub/push', 'agent-light'],
    ['/pubsub/results', 'results'],
    ['/pubsub', undefined],
    ['/', undefined],
    ['', undefined],
    ['/sweep', undefined],
  ];
  it('names at / what a client finds under every route', async () => {
    const { url } = await front({});
    const page = await (await fetch(url)).text();
    // What agents and Pub/Sub call, and what the others lead to.
    const unnamed = ['/task-update', '/run', '/pubsub/push', '/pubsub/results', '/rollbacks', '/switches', '/policies', '/resume'];
    const wanted = Object.values(topology.functions).flatMap(({ routes }) => routes.filter((route) => !unnamed.includes(route)));
    assert.ok(wanted.length > 15);
    for (const route of wanted) assert.match(page, new RegExp(`^  (GET |POST|PUT ) ${route}\\b`, 'm'));
  });

  for (const [path, name] of routes) {
    it(`routes ${path || 'an empty path'} to ${name ?? 'nobody'}`, () => assert.equal(routeTable(topology.functions)(path), name));
  }

  it('prefers the longest prefix', () => {
    const row = topology.functions.dispatch as FrontOptions['functions'][string];
    const route = routeTable({ a: { ...row, routes: ['/x'] }, b: { ...row, routes: ['/x/y'] } });
    assert.deepEqual(['/x', '/x/y', '/x/y/z', '/x/yz'].map(route), ['a', 'b', 'b', 'a']);
  });

  it('hands the request itself to a function in this process', async () => {
    const functions = await functionsInProcess(['dispatch']);
    release.push(() => functions.stop());
    const { url } = await front(functions.urls, { servers: functions.servers });
    assert.equal((await fetch(`${url}/dispatch`)).status, 503);
    const room: Room = async (request, response) => {
      const body = await rawBody(request);
      response.end(JSON.stringify({ got: body.toString(), url: request.url }));
    };
    functions.attach({ dispatch: room });
    const response = await fetch(`${url}/dispatch?x=1`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: '{"a":1}',
    });
    assert.deepEqual(await response.json(), { got: '{"a":1}', url: '/dispatch?x=1' });
  });

  it('passes a request on as it is, naming the client', async () => {
    const target = await behind(async (request, response) => {
      const chunks: Buffer[] = [];
      for await (const chunk of request) chunks.push(chunk as Buffer);
      response.writeHead(418, { 'x-own': 'yes', 'set-cookie': ['a=1', 'b=2'] });
      response.end(
        JSON.stringify({
          method: request.method,
          url: request.url,
          headers: request.headers,
          body: Buffer.concat(chunks).toString(),
        }),
      );
    });
    const { url } = await front({ dispatch: target.url });
    const response = await fetch(`${url}/tasks?limit=1`, {
      method: 'PUT',
      headers: { 'x-api-key': 'k', 'x-forwarded-for': '10.1.1.1', te: 'trailers' },
      body: 'text',
    });
    assert.equal(response.status, 418);
    assert.equal(response.headers.get('x-own'), 'yes');
    assert.deepEqual(response.headers.getSetCookie(), ['a=1', 'b=2']);
    const seen = (await response.json()) as { method: string; url: string; headers: Record<string, string>; body: string };
    assert.deepEqual([seen.method, seen.url, seen.body], ['PUT', '/tasks?limit=1', 'text']);
    assert.equal(seen.headers['x-api-key'], 'k');
    assert.equal(seen.headers['x-forwarded-for'], '10.1.1.1, 127.0.0.1');
    assert.equal(seen.headers.host, new URL(url).host);
  });

  it('streams events as they come and passes the abort of a client on', async () => {
    let gone = false;
    const target = await behind((_request, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      response.write('data: 1\n\n');
      response.once('close', () => {
        gone = true;
      });
    });
    const { url } = await front({ dispatch: target.url });
    const abort = new AbortController();
    const response = await fetch(`${url}/task/1/events`, { signal: abort.signal });
    const reader = response.body?.getReader();
    const first = await reader?.read();
    assert.equal(Buffer.from(first?.value ?? []).toString(), 'data: 1\n\n');
    assert.equal(gone, false);
    abort.abort();
    await until(() => gone);
  });

  it('streams a chunked body upwards', async () => {
    let first = '';
    const target = await behind((request, response) => {
      request.once('data', (chunk) => {
        first = String(chunk);
      });
      request.on('end', () => response.end('done'));
      request.resume();
    });
    const { url } = await front({ dispatch: target.url });
    const upload = open(`${url}/dispatch`, { method: 'POST' });
    const answered = new Promise<number | undefined>((resolve) =>
      upload.once('response', (reply) => resolve(reply.resume().statusCode)),
    );
    upload.write('one');
    await until(() => first === 'one');
    upload.end('two');
    assert.equal(await answered, 200);
  });

  it('answers 503 while a process is down, and serves again once it is back', async () => {
    const [port = 0] = await freePorts(1);
    const { url } = await front({ dispatch: `http://127.0.0.1:${port}` });
    const down = await fetch(`${url}/dispatch`, { method: 'POST', body: '{}' });
    assert.equal(down.status, 503);
    assert.equal(down.headers.get('content-type'), 'application/problem+json');
    assert.equal(down.headers.get('retry-after'), '1');
    assert.equal(((await down.json()) as { code: string }).code, 'function_unavailable');
    const server = createServer((_request, response) => response.end('up'));
    await listenLoopback(server, port);
    release.push(() => closeServer(server));
    assert.equal(await (await fetch(`${url}/dispatch`)).text(), 'up');
  });

  it('answers 502 when the process breaks off before its answer, and cuts the connection after', async () => {
    const target = await behind((request, response) => {
      if (request.url === '/dispatch') request.socket.destroy();
      else {
        response.write('half');
        setTimeout(() => request.socket.destroy(), 20);
      }
    });
    const { url } = await front({ dispatch: target.url });
    const broken = await fetch(`${url}/dispatch`);
    assert.deepEqual([broken.status, ((await broken.json()) as { code: string }).code], [502, 'function_failed']);
    const cut = await fetch(`${url}/tasks`);
    await assert.rejects(cut.text());
  });

  const refused: [string, string, Record<string, string>, number, string][] = [
    ['an unknown path', '/nothing', {}, 404, 'not_found'],
    ['a path of no function', '/sweep', {}, 404, 'not_found'],
    ['more than 32 MiB', '/dispatch', { 'Content-Length': String(32 * 1024 * 1024 + 1) }, 413, 'request_too_large'],
    [
      'more than 32 MiB that wait to be asked for',
      '/dispatch',
      { 'Content-Length': String(32 * 1024 * 1024 + 1), Expect: '100-continue' },
      413,
      'request_too_large',
    ],
  ];
  for (const [name, path, headers, status, code] of refused) {
    it(`answers ${name} with ${status}`, async () => {
      const target = await behind((request, response) => request.resume().once('end', () => response.end('{"code":""}')));
      const { url } = await front({ dispatch: target.url });
      const { hostname, port } = new URL(url);
      const reply = await raw(Number(port), hostname, path, headers);
      assert.match(reply, new RegExp(`^HTTP/1.1 ${status} `));
      assert.ok(reply.includes(`"code":"${code}"`), reply);
    });
  }

  it('says at / what it is and where to go', async () => {
    const { url } = await front({});
    const response = await fetch(url);
    assert.deepEqual([response.status, response.headers.get('content-type')], [200, 'text/plain; charset=utf-8']);
    const text = await response.text();
    for (const part of ['Heliograph 1.2.3', 'POST /dispatch', 'GET  /tasks', `curl -s -X POST ${url}/dispatch`])
      assert.ok(text.includes(part), part);
    assert.equal((await fetch(url, { method: 'POST' })).status, 404);
  });

  it('says how each function is', async () => {
    const well = await behind((_request, response) => response.end('{"status":"ok","version":"1"}'));
    const first = await front({ dispatch: well.url });
    const healthy = await fetch(`${first.url}/healthz`);
    assert.equal(healthy.status, 200);
    assert.deepEqual(await healthy.json(), {
      status: 'ok',
      version: '1.2.3',
      functions: { dispatch: { status: 'ok', version: '1' } },
    });
    const [port] = await freePorts(1);
    const second = await front({ dispatch: well.url, results: `http://127.0.0.1:${port}` });
    const degraded = await fetch(`${second.url}/healthz`);
    assert.equal(degraded.status, 503);
    const body = (await degraded.json()) as { status: string; functions: Record<string, unknown> };
    assert.deepEqual([body.status, body.functions.results], ['degraded', { status: 'unreachable' }]);
  });

  it('listens on the customary ports where they are free, and only notes where they are not', async () => {
    const agent = await behind((_request, response) => response.end('agent'));
    const { url, notes } = await front({ 'agent-light': agent.url }, { customaryPorts: true });
    assert.ok(url);
    const [second = '', third = ''] = notes;
    assert.match(second, /^127\.0\.0\.1:8000 /);
    assert.match(third, /^127\.0\.0\.1:8080 .*agent-light/);
    if (!second.includes('not used')) assert.equal((await fetch('http://127.0.0.1:8000/nothing')).status, 404);
    if (!third.includes('not used')) assert.equal(await (await fetch('http://127.0.0.1:8080/any/path')).text(), 'agent');
    const again = await front({}, { customaryPorts: true });
    assert.deepEqual(
      again.notes.map((note) => note.includes('not used')),
      [true, true],
    );
  });

  it('rejects a busy port', async () => {
    const first = await front({});
    await assert.rejects(front({}, { port: Number(new URL(first.url).port) }), { code: 'EADDRINUSE' });
  });
});

/** Sends a request with exactly these headers and gives what comes back first. */
function raw(port: number, host: string, path: string, headers: Record<string, string>): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, host, () => {
      const lines = Object.entries({ Host: `${host}:${port}`, ...headers }).map(([name, value]) => `${name}: ${value}\r\n`);
      socket.write(`POST ${path} HTTP/1.1\r\n${lines.join('')}\r\n`);
    });
    let text = '';
    socket.on('data', (chunk) => {
      text += chunk;
      if (text.includes('}')) {
        socket.destroy();
        resolve(text);
      }
    });
    socket.once('error', reject);
  });
}
