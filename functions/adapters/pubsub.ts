import type { PubSub, Topic } from '@google-cloud/pubsub';
import { Problem } from '../core/errors.ts';
import type { Messages } from '../core/ports.ts';
import { refuseLargeMessage } from './message-size.ts';

export { pubsubSubscriptions } from './pubsub-subscriptions.ts';

/** A slow request holds later messages back no longer than this. */
const LONGEST_HOLD_MS = 5;
const LARGEST_BATCH = { maxMessages: 1000, maxBytes: 8_000_000 };

/**
 * The publishing side of Pub/Sub (or of its emulator, by `PUBSUB_EMULATOR_HOST`). What cannot be published is `Problem`
 * `messages_unavailable`, what is too large `message_too_large`.
 */
export function pubsubMessages({ projectId }: { readonly projectId: string }): Messages {
  let opening: Promise<PubSub> | undefined;
  const publishers = new Map<string, Publisher>();
  const publisherOf = async (topic: string): Promise<Publisher> => {
    opening ??= import('@google-cloud/pubsub').then(({ PubSub }) => new PubSub({ projectId }));
    const client = await opening;
    const known = publishers.get(topic);
    if (known) return known;
    const batching = { ...LARGEST_BATCH, maxMilliseconds: LONGEST_HOLD_MS };
    const made = publisherFor(client.topic(topic, { batching }));
    publishers.set(topic, made);
    return made;
  };

  return {
    async publish(topic, { data, attributes }) {
      const bytes = Buffer.from(data);
      refuseLargeMessage(bytes, attributes);
      const publish = await publisherOf(topic);
      try {
        return await publish(bytes, attributes);
      } catch (cause) {
        throw new Problem(503, 'messages_unavailable', `Pub/Sub did not take a message for "${topic}".`, { cause });
      }
    },

    async close() {
      if (opening) await (await opening).close();
    },
  };
}

type Publisher = (data: Buffer, attributes: Readonly<Record<string, string>>) => Promise<string>;

/**
 * Sends at once while nothing is under way, and everything that came meanwhile in the next request: one message alone does not
 * wait for a batch to fill, and many share their requests.
 */
function publisherFor(topic: Topic): Publisher {
  let flushing = false;
  return (data, attributes) => {
    const published = topic.publishMessage({ data, attributes });
    if (!flushing) {
      flushing = true;
      const done = () => {
        flushing = false;
      };
      // Failures reach the callers of `publishMessage`.
      setImmediate(() => topic.flush().then(done, done));
    }
    return published;
  };
}
