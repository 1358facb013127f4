import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { PubSub, type Subscription } from '@google-cloud/pubsub';
import { describeWithEmulators } from '../support/emulators.ts';
import { until } from '../support/folder.ts';
import { httpListener, type Listener } from '../support/http-listener.ts';
import { type EmulatedTestStack, emulatedStack } from '../support/stack-emulated.ts';
import { type Published, tracing } from './tracing.ts';

const TOPICS = ['tasks', 'results', 'callbacks'];

describeWithEmulators("one trace, one process per function on Google's emulators", () => {
  const published: Published[] = [];
  const seen = new Set<string>();
  let stack: EmulatedTestStack;
  let peer: Listener;
  let pubsub: PubSub;
  const watches: Subscription[] = [];

  before(async function () {
    this.timeout(90_000);
    peer = await httpListener();
    stack = await emulatedStack({
      agents: [{ name: 'remote', endpoint: `${peer.url}/run`, priceCents: 1 }],
      intents: [{ name: 'traced.run', mode: 'flow', target: `${peer.url}/flow` }],
    });
    pubsub = new PubSub({ projectId: stack.settings.project });
    for (const topic of TOPICS) {
      const [watch] = await pubsub.topic(topic).createSubscription(`watch-${topic}`);
      watches.push(watch);
      watch.on('message', (message) => {
        // It may come twice.
        if (!seen.has(message.id)) published.push({ topic, attributes: message.attributes });
        seen.add(message.id);
        message.ack();
      });
    }
  });
  after(async function () {
    this.timeout(30_000);
    await Promise.all(watches.map((watch) => watch.close()));
    await pubsub?.close();
    await stack?.stop();
    await peer?.close();
  });
  tracing(
    () => stack,
    () => peer,
    () => published,
  );

  it('is that of the log lines of the function that has the message', async () => {
    const traceId = randomBytes(16).toString('hex');
    peer.answer = ({ path }) => ({ status: path === '/broken' ? 500 : 200, body: {} });
    const headers = { traceparent: `00-${traceId}-${randomBytes(8).toString('hex')}-01` };
    await stack.dispatch({ mode: 'pubsub', callbackUrl: `${peer.url}/broken` }, headers);
    const line = () => stack.lines.find((one) => one.startsWith('callbacks') && one.includes(`traces/${traceId}"`));
    await until(() => line() !== undefined, 15_000);
    assert.match(String(line()), /"logging\.googleapis\.com\/spanId":"[0-9a-f]{16}"/);
  });
});
