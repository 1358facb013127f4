import assert from 'node:assert/strict';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { guardedEgress } from '../../functions/adapters/egress.ts';
import type { Egress, EgressRequest } from '../../functions/core/ports.ts';

describe('guardedEgress', function () {
  this.timeout(20_000);

  let server: Server;
  let base: string;
  let egress: Egress;
  let connections = 0;
  let seen: IncomingMessage[] = [];
  let bodies: string[] = [];

  const request = (path: string, options: Partial<EgressRequest> = {}) =>
    egress.request({ url: base + path, trust: 'user', timeoutMs: 5_000, maxBytes: 65_536, ...options });

  before(async () => {
    server = createServer(async (incoming, outgoing) => {
      seen.push(incoming);
      bodies.push(Buffer.concat(await incoming.toArray()).toString());
      if (incoming.url === '/silent') return;
      if (incoming.url === '/half')
        return void outgoing.writeHead(200, { 'content-length': 10 }).write('half', () => outgoing.destroy());
      if (incoming.url === '/slow') return void outgoing.writeHead(200).write('slow');
      if (incoming.url === '/moved') return void outgoing.writeHead(302, { location: `${base}/` }).end('moved');
      if (incoming.url === '/gzip') return void outgoing.writeHead(200, { 'content-encoding': 'gzip' }).end('not unpacked');
      if (incoming.url?.startsWith('/bytes/')) return void outgoing.end('x'.repeat(Number(incoming.url.slice(7))));
      outgoing.writeHead(201, { 'x-answer': 'yes', 'set-cookie': ['a=1', 'b=2'] }).end('grüße');
    });
    server.on('connection', () => {
      connections += 1;
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });

  beforeEach(() => {
    egress = guardedEgress({ allowLoopback: true });
    connections = 0;
    seen = [];
    bodies = [];
  });

  afterEach(() => egress.close());
  after(() => {
    server.close();
    server.closeAllConnections();
  });

  it('sends a request and brings the reply, with lower-case headers', async () => {
    const reply = await request('/a?b=c', {
      method: 'POST',
      body: '{"ä":1}',
      headers: { 'Content-Type': 'application/json', Authorization: 'Bearer x' },
    });
    assert.equal(reply.status, 201);
    assert.equal(reply.body.toString(), 'grüße');
    assert.equal(reply.headers['x-answer'], 'yes');
    assert.equal(reply.headers['set-cookie'], 'a=1, b=2');
    const [incoming] = seen;
    assert.deepEqual([incoming?.method, incoming?.url, bodies[0]], ['POST', '/a?b=c', '{"ä":1}']);
    assert.equal(incoming?.headers['content-type'], 'application/json');
    assert.equal(incoming?.headers.authorization, 'Bearer x');
    assert.equal(incoming?.headers.host, base.slice('http://'.length));
  });

  it('uses its connections again', async () => {
    for (let i = 0; i < 20; i += 1) await request('/');
    assert.ok(connections <= 2, `${connections}`);
  });

  it('reaches localhost by name, on both families', async () => {
    const url = base.replace('127.0.0.1', 'localhost');
    await egress.check(url, 'user');
    assert.equal((await egress.request({ url, trust: 'operator', timeoutMs: 5_000, maxBytes: 100 })).status, 201);
  });

  it('follows no redirect and unpacks nothing', async () => {
    const moved = await request('/moved');
    assert.deepEqual([moved.status, moved.headers.location, seen.length], [302, `${base}/`, 1]);
    assert.equal((await request('/gzip')).body.toString(), 'not unpacked');
    assert.equal(seen[1]?.headers['accept-encoding'], 'identity');
  });

  it('takes a reply of exactly the limit and refuses a longer one', async () => {
    assert.equal((await request('/bytes/65536')).body.length, 65_536);
    await assert.rejects(request('/bytes/65537'), { code: 'egress_too_large', status: 502 });
    await assert.rejects(request('/bytes/50000000'), { code: 'egress_too_large' });
  });

  it('limits the time of the whole exchange', async () => {
    for (const path of ['/silent', '/slow']) {
      await assert.rejects(request(path, { timeoutMs: 100 }), { code: 'egress_timeout', status: 504 });
    }
    await egress.close();
    const never = guardedEgress({ allowLoopback: false, resolve: () => new Promise(() => {}) });
    const url = 'https://slow.example/';
    const started = performance.now();
    await assert.rejects(never.request({ url, trust: 'user', timeoutMs: 100, maxBytes: 1 }), { code: 'egress_timeout' });
    assert.ok(performance.now() - started < 5_000);
    await never.close();
  });

  it("rejects with the caller's own reason when the caller gives up", async () => {
    const reason = new Error('deadline');
    const controller = new AbortController();
    setTimeout(() => controller.abort(reason), 50);
    await assert.rejects(request('/silent', { signal: controller.signal }), reason);
    await assert.rejects(request('/', { signal: AbortSignal.abort(reason) }), reason);
    assert.equal(seen.length, 1);
  });

  it('reports no and half a reply', async () => {
    await assert.rejects(request('/half'), { code: 'egress_failed', status: 502 });
    await assert.rejects(request('', { url: 'http://127.0.0.1:1/' }), { code: 'egress_failed', message: /ECONNREFUSED/ });
  });

  const headers: [string, Record<string, string>][] = [
    ...[
      'Host',
      'connection',
      'Content-Length',
      'transfer-encoding',
      'UPGRADE',
      'te',
      'expect',
      'trailer',
      'keep-alive',
      'Proxy-Authorization',
    ].map((name): [string, Record<string, string>] => [name, { [name]: 'x' }]),
    ['a line end in a value', { 'x-a': 'b\r\nHost: attacker.example' }],
    ['a line feed in a value', { 'x-a': 'b\nx' }],
    ['a NUL in a value', { 'x-a': 'b\0' }],
    ['a letter beyond ASCII in a value', { 'x-a': '\u010d\u010a' }],
    ['a line end in a name', { 'x-a\r\nhost': 'b' }],
    ['a space in a name', { 'x a': 'b' }],
    ['a colon in a name', { 'x:': 'b' }],
    ['an empty name', { '': 'b' }],
    ['one name twice', { 'x-a': '1', 'X-A': '2' }],
    ['a name of the prototype', { __proto__: null, constructor: 'a\r\n' } as unknown as Record<string, string>],
  ];
  for (const [name, values] of headers) {
    it(`refuses the header ${name}`, async () => {
      await assert.rejects(request('/', { headers: values }), { code: 'egress_denied', status: 422 });
      assert.equal(seen.length, 0);
    });
  }

  it('tells an unknown name from a resolver that fails, when it is registered', async () => {
    const failing = (code: string) =>
      guardedEgress({ allowLoopback: false, resolve: () => Promise.reject(Object.assign(new Error(code), { code })) });
    await assert.rejects(failing('ENOTFOUND').check('https://gone.example/', 'user'), { code: 'egress_denied' });
    await assert.rejects(failing('EAI_AGAIN').check('https://later.example/', 'user'), { code: 'egress_failed' });
  });

  it('accepts public https addresses on 443 and 8443, and of operators http and any port', async () => {
    const open = guardedEgress({ allowLoopback: false, resolve: async () => ['8.8.8.8', '2606:4700:4700::1111'] });
    for (const url of [
      'https://example.com',
      'https://EXAMPLE.com:443/a?b#c',
      'https://xn--bcher-kva.example:8443/',
      'https://1.1.1.1/',
      'https://[2606:4700:4700::1111]/',
    ]) {
      await open.check(url, 'user');
    }
    await open.check('http://example.com:5678/', 'operator');
    await assert.rejects(open.check('http://example.com:5678/', 'user'), { code: 'egress_denied' });
  });

  it('lets operators, and them alone, reach private addresses of exactly the origins they named', async () => {
    const port = Number(new URL(base).port);
    const own = guardedEgress({
      allowLoopback: false,
      operatorOrigins: [`http://n8n:${port}`],
      resolve: async () => ['127.0.0.1'],
    });
    const call = (url: string, trust: 'user' | 'operator') => own.request({ url, trust, timeoutMs: 5_000, maxBytes: 100 });
    assert.equal((await call(`http://n8n:${port}/`, 'operator')).status, 201);
    assert.equal(seen[0]?.headers.host, `n8n:${port}`);
    await own.check(`http://n8n:${port}/hook`, 'operator');
    const refused: [string, 'user' | 'operator'][] = [
      [`http://n8n:${port}/`, 'user'],
      [`https://n8n:${port}/`, 'operator'],
      [`http://n8n:${port + 1}/`, 'operator'],
      [`http://other:${port}/`, 'operator'],
      [`http://127.0.0.1:${port}/`, 'operator'],
      [`http://x.n8n:${port}/`, 'operator'],
    ];
    for (const [url, trust] of refused) await assert.rejects(call(url, trust), { code: 'egress_denied' }, `${trust} ${url}`);
    await own.close();
    assert.equal(connections, 1);
  });

  it('does not let a user onto a connection that an operator was allowed to make', async () => {
    const answers = ['127.0.0.1'];
    const own = guardedEgress({ allowLoopback: false, operatorOrigins: ['https://n8n:8443'], resolve: async () => answers });
    await assert.rejects(
      own.request({ url: 'https://n8n:8443/', trust: 'operator', timeoutMs: 500, maxBytes: 1 }),
      /egress|answer/,
    );
    await assert.rejects(own.request({ url: 'https://n8n:8443/', trust: 'user', timeoutMs: 500, maxBytes: 1 }), {
      code: 'egress_denied',
    });
    await own.close();
  });
});
