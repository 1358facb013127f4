import assert from 'node:assert/strict';
import { request } from 'node:http';
import { Validator } from '@seriousme/openapi-schema-validator';
import { actionsDocument } from '../../functions/dispatch/openapi/actions.ts';
import { type OpenApi, openApi, type Schema } from '../../functions/dispatch/openapi/document.ts';
import { docsPage } from '../../functions/dispatch/openapi/page.ts';
import { ABOUT } from '../../scripts/openapi/operations/about.ts';
import { type EmbeddedTestStack, embeddedStack } from '../support/stack-embedded.ts';

describe('the document of the API', function () {
  this.timeout(30_000);
  let stack: EmbeddedTestStack;
  before(async () => {
    stack = await embeddedStack({ auth: 'required' });
  });
  after(() => stack.stop());

  for (const path of ['/openapi.json', '/openapi.actions.json', '/docs']) {
    it(`${path} needs no credentials, where all else does`, async () => {
      const reply = await fetch(stack.url + path);
      assert.equal(reply.status, 200);
      assert.equal(reply.headers.get('x-content-type-options'), 'nosniff');
      assert.equal((await fetch(`${stack.url}/tasks`)).status, 401);
      assert.equal((await fetch(stack.url + path, { method: 'POST' })).status, 404);
      assert.equal((await fetch(`${stack.url}${path}/x`)).status, 404);
    });
  }

  for (const { path, replies } of ABOUT.filter(({ replies }) => replies[200]?.schema !== undefined)) {
    it(`${path} answers as it is described`, async () => {
      for (const url of [stack.url, String(stack.local.functionUrls.dispatch)])
        assert.equal(replies[200]?.schema?.safeParse(await (await fetch(url + path)).json()).error, undefined, url);
    });
  }

  it('/openapi.json is the document as it is committed', async () => {
    const reply = await fetch(`${stack.url}/openapi.json`);
    assert.equal(reply.headers.get('content-type'), 'application/json; charset=utf-8');
    assert.deepEqual(await reply.json(), { ...(await openApi()) });
  });

  describe('/openapi.actions.json', () => {
    it('names the function’s own address, whatever Host was sent', async () => {
      const body = await asHost(stack.url, 'evil.example', '/openapi.actions.json');
      const { servers } = JSON.parse(body) as { servers: { url: string }[] };
      assert.deepEqual(servers, [{ url: stack.local.functionUrls.dispatch }]);
      assert.ok(!body.includes('evil.example'));
    });

    it('is a problem where nobody has said the address', async () => {
      const settings = { functionUrls: {}, projectNumber: '0' };
      const nameless = await embeddedStack({}, (runtime) => ({ ...runtime, settings: { ...runtime.settings, ...settings } }));
      try {
        const reply = await fetch(`${nameless.url}/openapi.actions.json`);
        const { code } = (await reply.json()) as { code: string };
        assert.deepEqual([reply.status, code], [404, 'address_unknown']);
      } finally {
        await nameless.stop();
      }
    });

    it('is the one operation, in what ChatGPT Actions takes', async () => {
      const document = actionsDocument(await openApi(), 'https://h.example') as unknown as OpenApi;
      assert.ok((await new Validator().validate(structuredClone(document) as unknown as Record<string, unknown>)).valid);
      assert.equal(document.openapi, '3.1.0');
      const operations = Object.values(document.paths).flatMap((methods) => Object.values(methods));
      assert.deepEqual(
        operations.map(({ operationId }) => operationId),
        ['orchestrate'],
      );
      assert.deepEqual(operations[0]?.security, [{ bearer: [] }]);
      visit(document, (value) => {
        const { description, summary, type, properties } = value as Schema & { summary?: string };
        for (const text of [description, summary]) assert.ok(text === undefined || text.length < 300, text);
        for (const union of ['anyOf', 'oneOf', 'allOf']) assert.ok(!(union in value), union);
        assert.ok(!Array.isArray(type), 'a list of types');
        if (type === 'object') assert.equal(typeof properties, 'object', JSON.stringify(value));
      });
    });
  });

  describe('/docs', () => {
    it('loads nothing and runs nothing, and may not', async () => {
      const reply = await fetch(`${stack.url}/docs`);
      const html = await reply.text();
      const policy = String(reply.headers.get('content-security-policy'));
      assert.match(
        policy,
        /^default-src 'none'; style-src 'sha256-[\w+/=]{44}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'$/,
      );
      assert.equal(reply.headers.get('content-type'), 'text/html; charset=utf-8');
      assert.doesNotMatch(html, /<(?:script|link|img|iframe|object|embed|form|base)\b|\son\w+=|\sstyle=|@import|url\(/i);
    });

    it('shows every operation with an example, and every schema', async () => {
      const { paths, components } = await openApi();
      const html = await (await fetch(`${stack.url}/docs`)).text();
      const ids = [...html.matchAll(/ id="([^"]+)"/g)].map(([, id]) => id);
      assert.equal(new Set(ids).size, ids.length);
      const operations = Object.values(paths).flatMap((methods) => Object.values(methods));
      for (const { operationId } of operations) assert.ok(ids.includes(operationId), operationId);
      for (const name of Object.keys(components.schemas)) assert.ok(ids.includes(`schema-${name}`), name);
      assert.equal([...html.matchAll(/>curl -s/g)].length, operations.length);
      for (const [, target] of html.matchAll(/href="#([^"]+)"/g)) assert.ok(ids.includes(target ?? ''), target);
    });

    it('shows text as text', async () => {
      const hostile = '<script>alert(1)</script>"\'&`<b>`';
      const document = await openApi();
      const schema: Schema = {
        type: 'object',
        properties: { [hostile]: { description: hostile, enum: [hostile], default: hostile } },
      };
      const html = docsPage(
        {
          ...document,
          info: { title: hostile, version: hostile, description: hostile },
          tags: [{ name: 'tasks', description: hostile }],
          components: { schemas: { ...document.components.schemas, [hostile]: schema } },
        },
        '',
      );
      assert.doesNotMatch(html, /<script|<b>`|"'&`/);
      assert.match(html, /&lt;script&gt;alert\(1\)&lt;\/script&gt;/);
    });
  });
});

/** `fetch` would not send another host's name. */
function asHost(url: string, host: string, path: string): Promise<string> {
  return new Promise((resolve, reject) => {
    request(url + path, { headers: { host } }, async (response) => {
      let body = '';
      for await (const chunk of response) body += chunk;
      resolve(body);
    })
      .on('error', reject)
      .end();
  });
}

function visit(value: unknown, look: (value: object) => void): void {
  if (typeof value !== 'object' || value === null) return;
  if (!Array.isArray(value)) look(value);
  for (const inner of Object.values(value)) visit(inner, look);
}
