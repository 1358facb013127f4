import assert from 'node:assert/strict';
import { httpListener, type Listener } from '../support/http-listener.ts';
import { type EmbeddedTestStack, embeddedStack } from '../support/stack-embedded.ts';
import { parsed, scraping } from './scraping.ts';

describe('metrics, embedded', function () {
  this.timeout(60_000);
  let stack: EmbeddedTestStack;
  let peer: Listener;
  before(async () => {
    peer = await httpListener();
    stack = await embeddedStack({ auth: 'required', agents: [{ name: 'remote', endpoint: `${peer.url}/run`, priceCents: 1 }] });
  });
  after(async () => {
    await stack.stop();
    await peer.close();
  });

  it('are for whoever may read: 401 without a key and with a wrong one', async () => {
    for (const headers of [{}, { 'x-api-key': `hg.${'a'.repeat(16)}.${'b'.repeat(43)}` }]) {
      const reply = await fetch(`${stack.url}/metrics`, { headers: headers as Record<string, string> });
      assert.equal(reply.status, 401);
      assert.match(await reply.text(), /"unauthenticated"/);
    }
  });

  scraping(
    () => stack,
    () => peer,
  );
});

describe('metrics of an open runtime', function () {
  this.timeout(30_000);
  let stack: EmbeddedTestStack;
  before(async () => {
    stack = await embeddedStack();
  });
  after(() => stack.stop());

  it('are for this machine alone, and not for a page open on it or a tunnel to it', async () => {
    const reply = await fetch(`${stack.url}/metrics`);
    assert.equal(reply.status, 200);
    parsed(await reply.text());
    const foreign = { origin: 'https://evil.example', 'x-forwarded-for': '8.8.8.8', forwarded: 'for=8.8.8.8' };
    for (const header of Object.entries(foreign)) {
      assert.equal((await fetch(`${stack.url}/metrics`, { headers: [header] })).status, 401);
    }
  });
});
