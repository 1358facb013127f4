import type { PubSub, Topic } from '@google-cloud/pubsub';
import { Problem } from '../core/errors.ts';
import type { Messages } from '../core/ports.ts';
import { refuseLargeMessage } from './message-size.ts';
import { closeWithin, within } from './within.ts';

export { pubsubSubscriptionAdmin } from './pubsub-made.ts';
export { pubsubSubscriptions } from './pubsub-subscriptions.ts';

/** One message alone hardly waits, and many share their requests: five times the rate of one request each. */
const BATCHING = { maxMessages: 1000, maxBytes: 8_000_000, maxMilliseconds: 1 };
/** The client itself tries for minutes. */
const LONGEST_MS = 15_000;

/**
 * The publishing side of Pub/Sub (or of its emulator, by `PUBSUB_EMULATOR_HOST`). What cannot be published is `Problem`
 * `messages_unavailable`, what is too large `message_too_large`.
 */
export function pubsubMessages({ projectId }: { readonly projectId: string }): Messages {
  let opening: Promise<PubSub> | undefined;
  const topics = new Map<string, Topic>();
  const client = (): Promise<PubSub> => {
    opening ??= import('@google-cloud/pubsub').then(({ PubSub }) => new PubSub({ projectId }));
    return opening;
  };
  const topicOf = async (name: string): Promise<Topic> => {
    const pubsub = await client();
    const topic = topics.get(name) ?? pubsub.topic(name, { batching: BATCHING });
    topics.set(name, topic);
    return topic;
  };

  return {
    async publish(topic, { data, attributes }) {
      const bytes = Buffer.from(data);
      refuseLargeMessage(bytes, attributes);
      const publisher = await topicOf(topic);
      try {
        return await within(LONGEST_MS, publisher.publishMessage({ data: bytes, attributes }));
      } catch (cause) {
        throw new Problem(503, 'messages_unavailable', `Pub/Sub did not take a message for "${topic}".`, { cause });
      }
    },

    async close() {
      const opened = await opening;
      if (opened) await closeWithin(() => opened.close());
    },
  };
}
