import type { CreateSubscriptionOptions, PubSub } from '@google-cloud/pubsub';
import type { DeliveryRow, SubscriptionRow, Topology } from '../topology.ts';
import type { Backoff } from './redelivery.ts';

export const ALREADY_EXISTS = 6;

/** Creates the topics and subscriptions of the rows that are missing; those that exist stay as they are. */
export async function createTopology(
  client: PubSub,
  { topics, subscriptions }: Pick<Topology, 'topics' | 'subscriptions'>,
  backoffOf: (row: SubscriptionRow) => Backoff,
): Promise<void> {
  await Promise.all(Object.keys(topics).map((topic) => client.createTopic(topic).catch(unlessPresent)));
  const created = Object.entries(subscriptions).map(([name, row]) =>
    client.createSubscription(row.topic, name, subscriptionOptions(client, row, backoffOf(row))).catch(unlessPresent),
  );
  await Promise.all(created);
}

/** What a subscription is created with, but for where it pushes to. */
export function subscriptionOptions(
  client: PubSub,
  row: DeliveryRow,
  { minimumMs, maximumMs }: Backoff,
): CreateSubscriptionOptions {
  return {
    ackDeadlineSeconds: row.ackDeadlineSeconds,
    messageRetentionDuration: { seconds: row.retentionSeconds },
    expirationPolicy: {},
    ...(row.filter && { filter: row.filter }),
    // The emulator counts its pauses in seconds.
    ...(minimumMs >= 1000 && { retryPolicy: { minimumBackoff: duration(minimumMs), maximumBackoff: duration(maximumMs) } }),
    ...(row.deadLetter && {
      deadLetterPolicy: {
        deadLetterTopic: client.topic(row.deadLetter.topic).name,
        maxDeliveryAttempts: row.deadLetter.maxDeliveryAttempts,
      },
    }),
  };
}

const duration = (ms: number) => ({ seconds: Math.floor(ms / 1000), nanos: (ms % 1000) * 1_000_000 });

function unlessPresent(error: Error & { code?: number }): void {
  if (error.code !== ALREADY_EXISTS) throw error;
}
