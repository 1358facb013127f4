import { Problem } from '../core/errors.ts';
import type { Clock, MadeSubscriptions, Messages, SubscriptionAdmin, Subscriptions } from '../core/ports.ts';
import type { AgentSubscriptionRow, DeliveryRow, Topology } from '../topology.ts';
import { agentSubscriptionName } from './agent-subscription-name.ts';
import { refuseLargeMessage } from './message-size.ts';
import { backoffOf } from './redelivery.ts';
import type { Database } from './sqlite-database.ts';
import { madeSubscriptions } from './sqlite-made-subscriptions.ts';
import { openSubscription, type QueueSubscription } from './sqlite-subscription.ts';

const PRUNE_EVERY_MS = 60_000;
const PRUNE_BATCH = 1000;

/** Overrides of every subscription's backoff, and the project that dead letters name as their origin. */
export interface QueueOptions {
  readonly backoffMinimumMs?: number;
  readonly backoffMaximumMs?: number;
  readonly projectId?: string;
}

/**
 * A durable message broker in the document store's file, with Pub/Sub's behaviour: fan-out to the subscriptions whose filter
 * matches, exponential backoff after a nack, dead letters, retention. A message and the documents written in the same turn of
 * the event loop are committed together.
 */
export function sqliteQueue(
  database: Database,
  topology: Pick<Topology, 'topics' | 'subscriptions'>,
  clock: Clock,
  options: QueueOptions = {},
): Messages & Subscriptions & SubscriptionAdmin & MadeSubscriptions {
  const subscriptions = new Map<string, QueueSubscription>();
  const topics = new Map<string, QueueSubscription[]>(Object.keys(topology.topics).map((topic) => [topic, []]));

  /** Only inside a write. */
  const insert = (topic: string, data: Buffer, attributes: Readonly<Record<string, string>>): string => {
    const sequence = database.next();
    for (const subscription of topics.get(topic) ?? []) {
      if (subscription.admits(attributes)) subscription.insert({ sequence, data, attributes, publishTime: clock.now(), nacks: 0 });
    }
    return String(sequence);
  };

  const open = (name: string, row: DeliveryRow): void => {
    const backoff = backoffOf(row, options);
    const subscription = openSubscription({ database, clock, name, row, backoff, insert, projectId: options.projectId ?? 'local' });
    subscriptions.set(name, subscription);
    topics.get(row.topic)?.push(subscription);
  };
  const made = madeSubscriptions(database);
  for (const [name, row] of Object.entries({ ...topology.subscriptions, ...made.rows() })) open(name, row);
  const forgetChanges = database.onVisible(() => {
    for (const subscription of subscriptions.values()) subscription.deliver();
  });

  let cancelPrune: () => void;
  const schedulePrune = (): void => {
    cancelPrune = clock.after(PRUNE_EVERY_MS, () => {
      for (const subscription of subscriptions.values()) subscription.prune(PRUNE_BATCH);
      schedulePrune();
    });
  };
  schedulePrune();

  return {
    async publish(topic, { data, attributes }) {
      if (!topics.has(topic)) throw new Problem(503, 'messages_unavailable', `There is no topic "${topic}".`);
      const bytes = Buffer.from(data);
      refuseLargeMessage(bytes, attributes);
      // Where messages are stored with the commit, no part of this can fail.
      const undoable = database.settles === 'when durable' ? 'undoable' : undefined;
      return database.write(() => insert(topic, bytes, attributes), undoable);
    },

    pull(name, maxOutstanding, onDelivery) {
      const subscription = subscriptions.get(name);
      if (subscription === undefined) throw new TypeError(`There is no subscription "${name}".`);
      return subscription.pull(maxOutstanding, onDelivery);
    },

    async ensure(given, row) {
      const name = agentSubscriptionName(given);
      if (!topics.has(row.topic)) throw new Problem(503, 'messages_unavailable', `There is no topic "${row.topic}".`);
      await database.write(() => {
        const before: AgentSubscriptionRow | undefined = made.rows()[name];
        if (before === undefined) open(name, row);
        const { endpoint, email, audience } = row;
        made.put(name, { ...(before ?? row), endpoint, email, audience });
      });
      made.tell();
    },

    async remove(given) {
      const name = agentSubscriptionName(given);
      const subscription = subscriptions.get(name);
      if (subscription === undefined) return;
      await database.write(() => {
        subscriptions.delete(name);
        for (const [topic, those] of topics)
          topics.set(
            topic,
            those.filter((one) => one !== subscription),
          );
        subscription.drop();
        made.remove(name);
      });
      made.tell();
    },

    watch: made.watch,

    async close() {
      cancelPrune();
      forgetChanges();
      for (const subscription of subscriptions.values()) subscription.close();
    },
  };
}
