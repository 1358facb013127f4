import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { Problem } from '../../functions/core/errors.ts';
import type { Delivery, Messages, Subscriptions } from '../../functions/core/ports.ts';
import type { SubscriptionRow, Topology } from '../../functions/topology.ts';
import { until } from '../support/folder.ts';

export interface Broker {
  readonly messages: Messages;
  readonly subscriptions: Subscriptions;
  close(): Promise<void>;
}

/** Backoff of the brokers under test, in milliseconds. */
export const CONTRACT_BACKOFF = { backoffMinimumMs: 200, backoffMaximumMs: 500 };

type Names = 'plain' | 'only-red' | 'rest' | 'dead';

/** Topics and subscriptions with names of their own, so that no test sees another's messages. */
export function messagesTopology(): { topology: Pick<Topology, 'topics' | 'subscriptions'>; name: (of: string) => string } {
  const unique = randomBytes(4).toString('hex');
  const name = (of: string) => `${of}-${unique}`;
  const row = (topic: string, more: Partial<SubscriptionRow> = {}): SubscriptionRow => ({
    topic: name(topic),
    function: 'none',
    path: '/',
    ackDeadlineSeconds: 20,
    retentionSeconds: 600,
    backoffSeconds: { minimum: 10, maximum: 600 },
    ...more,
  });
  const deadLetter = { topic: name('graves'), maxDeliveryAttempts: 5 };
  const subscriptions: Record<Names, SubscriptionRow> = {
    plain: row('news', { deadLetter }),
    'only-red': row('paint', { filter: 'attributes.colour="red"' }),
    rest: row('paint', { filter: 'NOT attributes.colour="red"' }),
    dead: row('graves'),
  };
  return {
    name,
    topology: {
      topics: Object.fromEntries(['news', 'paint', 'graves'].map((topic) => [name(topic), {}])),
      subscriptions: Object.fromEntries(Object.entries(subscriptions).map(([key, value]) => [name(key), value])),
    },
  };
}

/** Every broker passes this. `open` is called for each test. */
export function messagesContract(open: (topology: Pick<Topology, 'topics' | 'subscriptions'>) => Promise<Broker>): void {
  let broker: Broker;
  let name: (of: string) => string;
  const stops: (() => Promise<void>)[] = [];

  beforeEach(async () => {
    const made = messagesTopology();
    name = made.name;
    broker = await open(made.topology);
  });
  afterEach(async () => {
    await Promise.all(stops.splice(0).map((stop) => stop()));
    await broker.close();
  });

  const pull = (subscription: Names, most: number, onDelivery: (delivery: Delivery) => void) => {
    const stop = broker.subscriptions.pull(name(subscription), most, onDelivery);
    stops.push(stop);
    return stop;
  };
  const publish = (topic: string, data: string, attributes: Record<string, string> = {}) =>
    broker.messages.publish(name(topic), { data, attributes });
  const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

  it('delivers what was published, as it was', async () => {
    const data = JSON.stringify({ text: 'é\u0000\u{1f600}' });
    const id = await publish('news', data, { agent: 'light', empty: '', __proto: 'x' });
    const seen: Delivery[] = [];
    pull('plain', 10, (delivery) => seen.push(delivery));
    await until(() => seen.length > 0);
    const [delivery] = seen;
    assert.equal(delivery?.messageId, id);
    assert.equal(String(delivery?.data), data);
    assert.deepEqual({ ...delivery?.attributes }, { agent: 'light', empty: '', __proto: 'x' });
    assert.equal(delivery?.deliveryAttempt, 1);
    assert.ok(Math.abs(Number(delivery?.publishTime) - Date.now()) < 10_000);
    delivery?.ack();
    await pause(600);
    assert.equal(seen.length, 1);
  });

  it('gives each subscription what its filter admits', async () => {
    const seen: string[] = [];
    for (const subscription of ['only-red', 'rest'] as const) {
      pull(subscription, 10, (delivery) => {
        seen.push(`${subscription} ${delivery.data}`);
        delivery.ack();
      });
    }
    await publish('paint', '1', { colour: 'red' });
    await publish('paint', '2', { colour: 'blue' });
    await publish('paint', '3');
    await until(() => seen.length === 3);
    await pause(300);
    assert.deepEqual(seen.sort(), ['only-red 1', 'rest 2', 'rest 3']);
  });

  it('repeats a nacked message after a growing pause, under the next attempt', async () => {
    const seen: { attempt: number; at: number; id: string }[] = [];
    pull('dead', 10, (delivery) => {
      seen.push({ attempt: delivery.deliveryAttempt, at: performance.now(), id: delivery.messageId });
      if (seen.length < 3) delivery.nack();
      else delivery.ack();
    });
    await publish('graves', 'again');
    await until(() => seen.length === 3);
    assert.deepEqual(
      seen.map(({ attempt }) => attempt),
      [1, 2, 3],
    );
    assert.equal(new Set(seen.map(({ id }) => id)).size, 1);
    const pauses = seen.slice(1).map(({ at }, index) => at - (seen[index]?.at ?? 0));
    assert.ok((pauses[0] ?? 0) >= 190 && (pauses[1] ?? 0) >= 390, String(pauses));
    assert.ok(
      pauses.every((ms) => ms < 1500),
      String(pauses),
    );
    await pause(600);
    assert.equal(seen.length, 3);
  });

  it('moves a message to the dead-letter topic after the last attempt', async () => {
    const id = await publish('news', 'doomed', { agent: 'light' });
    const attempts: number[] = [];
    const dead: Delivery[] = [];
    pull('plain', 10, (delivery) => {
      attempts.push(delivery.deliveryAttempt);
      delivery.nack();
    });
    pull('dead', 10, (delivery) => {
      dead.push(delivery);
      delivery.ack();
    });
    await until(() => dead.length > 0, 10_000);
    await pause(300);
    assert.deepEqual(attempts, [1, 2, 3, 4, 5]);
    assert.equal(dead.length, 1);
    assert.equal(String(dead[0]?.data), 'doomed');
    assert.notEqual(dead[0]?.messageId, id);
    const { CloudPubSubDeadLetterSourceTopicPublishTime: publishedAt, ...attributes } = { ...dead[0]?.attributes };
    assert.deepEqual(attributes, {
      agent: 'light',
      CloudPubSubDeadLetterSourceDeliveryCount: '5',
      CloudPubSubDeadLetterSourceSubscription: name('plain'),
      CloudPubSubDeadLetterSourceSubscriptionProject: 'heliograph-local',
    });
    assert.ok(Math.abs(Date.parse(String(publishedAt)) - Date.now()) < 20_000);
  }).timeout(15_000);

  it('leaves no more than the agreed number unanswered', async () => {
    await Promise.all(Array.from({ length: 20 }, (_, index) => publish('news', String(index))));
    const open = new Set<Delivery>();
    const done = new Set<string>();
    let most = 0;
    pull('plain', 3, (delivery) => {
      open.add(delivery);
      most = Math.max(most, open.size);
      setTimeout(() => {
        open.delete(delivery);
        done.add(String(delivery.data));
        delivery.ack();
      }, 5);
    });
    await until(() => done.size === 20);
    assert.equal(most, 3);
  });

  it('brings back what was unanswered when the pull was stopped', async () => {
    await publish('graves', 'kept');
    const first: Delivery[] = [];
    const stop = pull('dead', 1, (delivery) => first.push(delivery));
    await until(() => first.length === 1);
    await stop();
    const second: Delivery[] = [];
    pull('dead', 1, (delivery) => {
      second.push(delivery);
      delivery.ack();
    });
    await until(() => second.length === 1, 10_000);
    assert.equal(second[0]?.messageId, first[0]?.messageId);
  }).timeout(15_000);

  it('takes the first answer only', async () => {
    let deliveries = 0;
    pull('dead', 1, (delivery) => {
      deliveries += 1;
      delivery.ack();
      delivery.nack();
      delivery.nack();
    });
    await publish('graves', 'once');
    await pause(1000);
    assert.equal(deliveries, 1);
  });

  it('delivers a thousand at once', async () => {
    const ids = await Promise.all(Array.from({ length: 1000 }, (_, index) => publish('news', String(index))));
    assert.equal(new Set(ids).size, 1000);
    const seen = new Set<string>();
    pull('plain', 50, (delivery) => {
      seen.add(delivery.messageId);
      delivery.ack();
    });
    await until(() => seen.size === 1000, 10_000);
    assert.deepEqual(seen, new Set(ids));
  }).timeout(15_000);

  it('refuses what is too large, and topics that there are not', async () => {
    const refused = (code: string) => (error: unknown) => error instanceof Problem && error.code === code;
    await assert.rejects(publish('news', 'x'.repeat(9_000_001)), refused('message_too_large'));
    await assert.rejects(publish('nothing', 'x'), refused('messages_unavailable'));
    await publish('news', 'x'.repeat(8_999_999));
  });
}
