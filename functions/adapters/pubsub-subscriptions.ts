import type { Message, PubSub, Subscription } from '@google-cloud/pubsub';
import type { Clock, Delivery, MadeSubscriptions, Subscriptions } from '../core/ports.ts';
import { compileFilter } from '../core/subscription-filter.ts';
import type { AgentSubscriptionRow, DeliveryRow, Topology } from '../topology.ts';
import { heldRow } from './pubsub-made.ts';
import { createTopology } from './pubsub-topology.ts';
import { type Backoff, backoffMs, backoffOf } from './redelivery.ts';
import { closeWithin } from './within.ts';

/** Beside those being delivered, this many are fetched ahead, or kept back until their backoff is over. */
const HELD = 512;
/** The emulator gives each stream about 100 messages every 50 ms. */
const STREAMS = 5;
const REOPEN_MS = 1000;
/** How often the emulator is asked which subscriptions there are. */
const LOOK_MS = 500;
/** The longest that the client extends a lease: the longest ack deadline there is, and a margin. */
const LEASE_MINUTES = 15;

export interface PubsubSubscriptionsOptions {
  readonly projectId: string;
  readonly topology: Pick<Topology, 'topics' | 'subscriptions'>;
  readonly clock: Clock;
  /** Overrides of every subscription's backoff. */
  readonly backoffMinimumMs?: number;
  readonly backoffMaximumMs?: number;
  /** Told of a broken pull, which is opened again after a second. */
  readonly onError?: (subscription: string, error: Error) => void;
}

/**
 * The pulling side of the Pub/Sub emulator. Filters are applied here, since the emulator ignores them; dead letters are the
 * emulator's own. Backoff is its own from one second on (where it makes the first repeat at once); below, which it cannot do,
 * nacks are kept back here.
 */
export function pubsubSubscriptions(options: PubsubSubscriptionsOptions): Subscriptions &
  MadeSubscriptions & {
    /** Creates the topics and subscriptions that are missing. */
    createTopology(): Promise<void>;
    close(): Promise<void>;
  } {
  const { projectId, topology, clock } = options;
  let opening: Promise<PubSub> | undefined;
  const client = (): Promise<PubSub> => {
    opening ??= import('@google-cloud/pubsub').then(({ PubSub }) => new PubSub({ projectId }));
    return opening;
  };
  const stops = new Set<() => Promise<void>>();
  let made: Readonly<Record<string, AgentSubscriptionRow>> = {};

  async function findMade(): Promise<typeof made> {
    const [subscriptions] = await (await client()).getSubscriptions();
    const rows = subscriptions.flatMap(({ name, metadata }) => {
      const row = heldRow(metadata?.pushConfig);
      return row === undefined ? [] : [[name.slice(name.lastIndexOf('/') + 1), row] as const];
    });
    return Object.fromEntries(rows);
  }

  return {
    createTopology: async () => createTopology(await client(), topology, (row) => backoffOf(row, options)),

    watch(onChange) {
      let cancel = () => {};
      let isOver = false;
      let told = '';
      const look = async (): Promise<void> => {
        try {
          const found = await findMade();
          const text = JSON.stringify(found);
          if (!isOver && text !== told) {
            made = found;
            told = text;
            onChange(found);
          }
        } catch (error) {
          options.onError?.('agents', error as Error);
        }
        if (!isOver) cancel = clock.after(LOOK_MS, look);
      };
      void look();
      return () => {
        isOver = true;
        cancel();
      };
    },

    pull(name, maxOutstanding, onDelivery) {
      const row: DeliveryRow | undefined = topology.subscriptions[name] ?? made[name];
      if (row === undefined) throw new TypeError(`There is no subscription "${name}".`);
      const deliver = gate(maxOutstanding, onDelivery);
      const receive = receiver(row, backoffOf(row, options), clock, deliver);
      let subscription: Subscription | undefined;
      let stopped = false;
      let cancelReopen = () => {};

      const start = async (): Promise<void> => {
        const pubsub = await client();
        if (stopped) return;
        subscription = pubsub.subscription(name, {
          flowControl: { maxMessages: maxOutstanding + HELD, allowExcessMessages: false },
          batching: { maxMilliseconds: 5 },
          // Dead letters are few; each open stream costs the emulator something at every tick.
          streamingOptions: { maxStreams: row.deadLetter ? STREAMS : 1 },
          maxExtensionTime: await minutes(LEASE_MINUTES),
        });
        subscription.on('message', receive.message);
        subscription.on('error', (error) => {
          options.onError?.(name, error);
          subscription?.close().catch(() => {});
          cancelReopen = clock.after(REOPEN_MS, open);
        });
      };
      const open = (): void => {
        start().catch((error) => options.onError?.(name, error));
      };
      open();

      const stop = async (): Promise<void> => {
        stopped = true;
        stops.delete(stop);
        cancelReopen();
        receive.stop();
        const pulling = subscription;
        if (pulling) await closeWithin(() => pulling.close());
      };
      stops.add(stop);
      return stop;
    },

    async close() {
      await Promise.all([...stops].map((stop) => stop()));
      const pubsub = await opening;
      if (pubsub) await closeWithin(() => pubsub.close());
    },
  };
}

/** Turns the client's messages into deliveries: filter, attempt, and the backoff that the emulator cannot do. */
function receiver(row: DeliveryRow, backoff: Backoff, clock: Clock, deliver: (delivery: Delivery) => void) {
  const admits = compileFilter(row.filter);
  const holds = backoff.minimumMs < 1000;
  /** Where there is no dead letter, Pub/Sub counts no attempts. */
  const nacks = new Map<string, number>();
  const held = new Set<() => void>();

  const nack = (message: Message, attempt: number): void => {
    if (!row.deadLetter) nacks.set(message.id, attempt);
    const last = attempt === row.deadLetter?.maxDeliveryAttempts;
    if (!holds || last) {
      message.nack();
      return;
    }
    const cancel = clock.after(backoffMs(backoff, attempt), () => {
      held.delete(cancel);
      message.nack();
    });
    held.add(cancel);
  };

  return {
    message(message: Message): void {
      if (!admits(message.attributes)) {
        message.ack();
        return;
      }
      const attempt = message.deliveryAttempt || (nacks.get(message.id) ?? 0) + 1;
      deliver({
        messageId: message.id,
        data: message.data,
        attributes: message.attributes,
        publishTime: message.publishTime.getTime(),
        deliveryAttempt: attempt,
        ack() {
          nacks.delete(message.id);
          message.ack();
        },
        nack: () => nack(message, attempt),
      });
    },
    stop(): void {
      for (const cancel of held) cancel();
      held.clear();
    },
  };
}

/** Lets at most `most` deliveries be unanswered; the others wait their turn. Only the first answer to each counts. */
function gate(most: number, onDelivery: (delivery: Delivery) => void): (delivery: Delivery) => void {
  const waiting: Delivery[] = [];
  let unanswered = 0;
  const next = (): void => {
    while (unanswered < most) {
      const delivery = waiting.shift();
      if (delivery === undefined) return;
      unanswered += 1;
      let answered = false;
      const answer = (give: () => void) => () => {
        if (answered) return;
        answered = true;
        unanswered -= 1;
        give();
        next();
      };
      onDelivery({ ...delivery, ack: answer(delivery.ack), nack: answer(delivery.nack) });
    }
  };
  return (delivery) => {
    waiting.push(delivery);
    next();
  };
}

async function minutes(count: number) {
  const { Duration } = await import('@google-cloud/pubsub');
  return Duration.from({ minutes: count });
}
