import assert from 'node:assert/strict';
import { request } from 'node:http';
import { type EmbeddedTestStack, embeddedStack } from '../support/stack-embedded.ts';

describe('an open local runtime', () => {
  let stack: EmbeddedTestStack;
  before(async () => {
    stack = await embeddedStack();
  });
  after(() => stack.stop());

  const asked = (path: string, headers: Record<string, string>, method = 'GET') =>
    new Promise<number>((resolve, reject) => {
      const url = new URL(stack.url + path);
      const outgoing = request(
        { host: url.hostname, port: url.port, path, method, headers: { host: url.host, ...headers } },
        (reply) => {
          reply.destroy();
          resolve(reply.statusCode ?? 0);
        },
      );
      outgoing.on('error', reject).end(method === 'POST' ? '{"agent":"light","payload":{}}' : undefined);
    });

  const rows: [string, () => Record<string, string>, number][] = [
    ['a program on this machine', () => ({}), 200],
    ['localhost by name', () => ({ host: `localhost:${new URL(stack.url).port}` }), 200],
    ['its own page', () => ({ origin: stack.url, 'sec-fetch-site': 'same-origin' }), 200],
    ['an address bar', () => ({ 'sec-fetch-site': 'none' }), 200],
    ['a page of another site', () => ({ origin: 'https://evil.example' }), 401],
    ['a page of another port here', () => ({ origin: 'http://127.0.0.1:1' }), 401],
    ['a page without an origin', () => ({ origin: 'null' }), 401],
    ['a request that a page of another site makes', () => ({ 'sec-fetch-site': 'cross-site' }), 401],
    ['a rebound name', () => ({ host: 'evil.example' }), 401],
    ['a rebound name with our port', () => ({ host: `evil.example:${new URL(stack.url).port}` }), 401],
    ['what a proxy on this machine passes on from this machine', () => ({ 'x-forwarded-for': '127.0.0.1, ::1' }), 200],
    ['what a tunnel passes on from elsewhere', () => ({ 'x-forwarded-for': '203.0.113.9, 127.0.0.1' }), 401],
    ['what a tunnel passes on by the newer header', () => ({ forwarded: 'for="[2001:db8::1]:4711";proto=https' }), 401],
    ['a name that only begins like ours', () => ({ host: 'localhost.evil.example' }), 401],
  ];
  for (const [name, headers, status] of rows) {
    it(`answers ${name} with ${status}`, async () => {
      assert.equal(await asked('/tasks', headers()), status);
      const posted = await asked('/dispatch', { 'content-type': 'application/json', ...headers() }, 'POST');
      assert.equal(posted, status);
      const run = await asked('/run', { 'content-type': 'application/json', ...headers() }, 'POST');
      assert.equal(run, status);
    });
  }
});
