/** A source of messages that knows how old its oldest unacknowledged ones are. */

import type { Delivery, Subscriptions } from '../functions/core/ports.ts';

export interface Watched {
  readonly source: Subscriptions;
  /** Ages in seconds, by subscription; 0 where nothing waits. */
  oldest(): Readonly<Record<string, number>>;
}

/** Made at run time, for agents of tenants: all of them go by this. */
const AGENTS = "agent's own";
const MOST = 100_000;

interface Waiting {
  readonly publishTime: number;
  /** Until when another delivery is reckoned with; without it one is under way. */
  readonly until?: number;
}

/**
 * Looks at each message from its first delivery to its acknowledgement, through `backoffMs` between two deliveries at the most. What has
 * never been delivered is younger, as messages come in their order. `names` are those of the topology.
 */
export function watchedSource(inner: Subscriptions, names: readonly string[], backoffMs: number, now: () => number): Watched {
  const waiting = new Map<string, Map<string, Waiting>>(names.map((name) => [name, new Map()]));

  function followed(messages: Map<string, Waiting>, subscription: string, delivery: Delivery): Delivery {
    const { messageId, data, attributes, publishTime, deliveryAttempt } = delivery;
    const id = `${subscription} ${messageId}`;
    if (messages.size < MOST) messages.set(id, { publishTime });
    return {
      messageId,
      data,
      attributes,
      publishTime,
      deliveryAttempt,
      ack() {
        messages.delete(id);
        delivery.ack();
      },
      nack() {
        if (messages.has(id)) messages.set(id, { publishTime, until: now() + backoffMs });
        delivery.nack();
      },
    };
  }

  return {
    source: {
      pull(subscription, maxOutstanding, onDelivery) {
        const key = names.includes(subscription) ? subscription : AGENTS;
        const messages = waiting.get(key) ?? new Map<string, Waiting>();
        waiting.set(key, messages);
        return inner.pull(subscription, maxOutstanding, (delivery) => onDelivery(followed(messages, subscription, delivery)));
      },
    },
    oldest() {
      return Object.fromEntries([...waiting].map(([name, messages]) => [name, oldestOf(messages, now())]));
    },
  };
}

function oldestOf(messages: Map<string, Waiting>, now: number): number {
  let oldest = now;
  for (const [id, { publishTime, until }] of messages) {
    if (until !== undefined && until < now) messages.delete(id);
    else oldest = Math.min(oldest, publishTime);
  }
  return (now - oldest) / 1000;
}
