/** A message broker with Pub/Sub's behaviour: filters, push, backoff, dead letters, and deliveries more often than once. */

import { ACKNOWLEDGING } from '../../emulator-bridge/push.ts';
import { envelopeWriter } from '../../emulator-bridge/push-envelope.ts';
import { backoffMs, deadLetterAttributes } from '../../functions/adapters/redelivery.ts';
import { functionUrl, pushAccountEmail } from '../../functions/core/addresses.ts';
import { compileFilter } from '../../functions/core/subscription-filter.ts';
import { type SubscriptionRow, topology } from '../../functions/topology.ts';
import type { Network } from './network.ts';
import { latency, type World } from './world.ts';

export interface Broker {
  /** Durable once it returns. */
  publish(topic: string, data: string, attributes: Readonly<Record<string, string>>): string;
}

type Attributes = Readonly<Record<string, string>>;

interface Queued {
  readonly messageId: string;
  readonly data: Buffer;
  readonly attributes: Attributes;
  readonly publishTime: number;
  failures: number;
  isDone: boolean;
}

const subscriptions = Object.entries(topology.subscriptions).map(([name, row]) => ({
  name,
  row,
  admits: compileFilter(row.filter),
  backoff: { minimumMs: row.backoffSeconds.minimum * 1000, maximumMs: row.backoffSeconds.maximum * 1000 },
  envelope: envelopeWriter({
    subscription: `projects/simulated/subscriptions/${name}`,
    countsAttempts: row.deadLetter !== undefined,
  }),
}));
type Subscription = (typeof subscriptions)[number];

export function brokerOf(world: World, network: Network): Broker {
  const { schedule, chance, story, settings, oracle } = world;
  let published = 0;
  return { publish };

  function publish(topic: string, data: string, attributes: Attributes): string {
    published += 1;
    if (topic === 'results') noteSuccess(data);
    if (topic === 'dead-tasks') oracle.deadTasks += 1;
    const messageId = String(published);
    story.tell('broker', () => `takes ${messageId} on ${topic}: ${data.slice(0, 120)}`);
    for (const subscription of subscriptions) {
      if (subscription.row.topic !== topic || !subscription.admits(attributes)) continue;
      const queued = { messageId, data: Buffer.from(data), attributes, publishTime: Math.floor(schedule.now()) };
      enqueue(subscription, { ...queued, failures: 0, isDone: false });
    }
    return messageId;
  }

  function noteSuccess(data: string): void {
    const { taskId, outcome } = JSON.parse(data) as { taskId: string; outcome: { status: string } };
    if (outcome.status === 'succeeded' && !oracle.succeeded.has(taskId)) oracle.succeeded.set(taskId, schedule.now());
  }

  function enqueue(subscription: Subscription, queued: Queued): void {
    const { late, duplicate } = world.faults();
    deliver(subscription, queued, chance.happens(late) ? chance.between(60_000, 400_000) : latency(world));
    if (!chance.happens(duplicate)) return;
    for (let copies = chance.between(1, 5); copies > 0; copies--) {
      const isLate = chance.happens(0.3);
      schedule.after(isLate ? chance.between(60_000, 400_000) : chance.between(1, 5_000), () =>
        post(subscription, queued, () => {}),
      );
    }
  }

  function deliver(subscription: Subscription, queued: Queued, afterMs: number): void {
    schedule.after(afterMs, () => {
      if (queued.isDone || isTooOld(subscription.row, queued)) return;
      post(subscription, queued, (isAcknowledged) => {
        if (!isAcknowledged) return refused(subscription, queued);
        if (!chance.happens(world.faults().lostAck)) queued.isDone = true;
        else deliver(subscription, queued, subscription.row.ackDeadlineSeconds * 1000);
      });
    });
  }

  /** One push request; `answered` is called once, by the ack deadline. */
  function post({ name, row, envelope }: Subscription, queued: Queued, answered: (isAcknowledged: boolean) => void): void {
    const { messageId, failures } = queued;
    const url = functionUrl(settings, row.function);
    const token = world.tokens.token(pushAccountEmail(settings), url, schedule.now());
    const body = envelope({ ...queued, deliveryAttempt: failures + 1, ack() {}, nack() {} });
    story.tell('broker', () => `pushes ${messageId} to ${name}`);
    let isAnswered = false;
    const answer = (status: number) => {
      if (isAnswered) return;
      isAnswered = true;
      cancelDeadline();
      if (!ACKNOWLEDGING.has(status))
        story.tell('broker', () => `${messageId} at ${name} was answered with ${status || 'nothing'}`);
      answered(ACKNOWLEDGING.has(status));
    };
    const cancelDeadline = schedule.after(row.ackDeadlineSeconds * 1000, () => answer(0));
    network.send(url + row.path, { method: 'POST', headers: { authorization: `Bearer ${token}` }, body }, (reply) =>
      answer(reply?.status ?? 0),
    );
  }

  function refused(subscription: Subscription, queued: Queued): void {
    const { row, backoff, name } = subscription;
    queued.failures += 1;
    if (row.deadLetter === undefined || queued.failures < row.deadLetter.maxDeliveryAttempts) {
      deliver(subscription, queued, backoffMs(backoff, queued.failures));
      return;
    }
    queued.isDone = true;
    const { publishTime, failures } = queued;
    const origin = { subscription: name, projectId: settings.project, publishTime, deliveries: failures };
    const attributes = { ...queued.attributes, ...deadLetterAttributes(origin) };
    // Pub/Sub may dead-letter a message more than once.
    for (let times = chance.happens(world.faults().duplicate) ? 2 : 1; times > 0; times--) {
      publish(row.deadLetter.topic, queued.data.toString(), attributes);
    }
  }

  function isTooOld(row: SubscriptionRow, { publishTime }: Queued): boolean {
    return schedule.now() - publishTime > row.retentionSeconds * 1000;
  }
}
