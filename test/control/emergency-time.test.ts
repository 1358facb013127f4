import assert from 'node:assert/strict';
import { until } from '../support/folder.ts';
import { httpListener, type Listener } from '../support/http-listener.ts';
import { type EmbeddedTestStack, embeddedStack } from '../support/stack-embedded.ts';

describe('an emergency stop, with the times as they are delivered', function () {
  this.timeout(60_000);
  let stack: EmbeddedTestStack;
  let slow: Listener;
  let release: () => void;

  before(async () => {
    const released = new Promise<void>((resolve) => {
      release = resolve;
    });
    slow = await httpListener(async () => {
      await released;
      return { status: 200, body: {} };
    });
    stack = await embeddedStack({ agents: [{ name: 'slow', endpoint: `${slow.url}/run`, priceCents: 1 }] });
  });
  after(async () => {
    release();
    await stack.stop();
    await slow.close();
  });

  it('aborts what runs, and starts nothing, within 10 s', async () => {
    const relayed = (await stack.dispatch({ agent: 'slow', mode: 'pubsub' })).body;
    const overHttps = (await stack.dispatch({ agent: 'codex', mode: 'pubsub', payload: { pauseMs: 60_000 } })).body;
    await until(() => slow.received.length === 1);
    await stack.reaches(overHttps.id, 'running');
    const started = Date.now();
    await stack.post('/emergency-stop', '');
    for (const { id } of [relayed, overHttps]) {
      await stack.reaches(id, ({ timeline }) => timeline.some(({ code }) => code === 'stopped'), 11_000);
    }
    await until(async () => (await stack.dispatch({ mode: 'pubsub' })).body.status === 'waiting', 11_000);
    const ms = Date.now() - started;
    assert.ok(ms < 10_000, `it took ${ms} ms`);
  });
});
