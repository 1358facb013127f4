import type { DeliveryRow } from '../topology.ts';

/** The pause before a message comes again, in milliseconds. */
export interface Backoff {
  readonly minimumMs: number;
  readonly maximumMs: number;
}

/** A row's pause, unless the options override it. */
export function backoffOf(
  { backoffSeconds }: DeliveryRow,
  options: { readonly backoffMinimumMs?: number; readonly backoffMaximumMs?: number },
): Backoff {
  return {
    minimumMs: options.backoffMinimumMs ?? backoffSeconds.minimum * 1000,
    maximumMs: options.backoffMaximumMs ?? backoffSeconds.maximum * 1000,
  };
}

/** The pause after the given failed attempt (from 1): doubled from the minimum up to the maximum. */
export function backoffMs({ minimumMs, maximumMs }: Backoff, attempt: number): number {
  return Math.min(minimumMs * 2 ** (attempt - 1), maximumMs);
}

/** What Pub/Sub adds to the attributes of a dead letter. `publishTime` is in milliseconds since the epoch. */
export function deadLetterAttributes(origin: {
  readonly subscription: string;
  readonly projectId: string;
  readonly publishTime: number;
  readonly deliveries: number;
}): Record<string, string> {
  return {
    CloudPubSubDeadLetterSourceSubscription: origin.subscription,
    CloudPubSubDeadLetterSourceSubscriptionProject: origin.projectId,
    CloudPubSubDeadLetterSourceTopicPublishTime: new Date(origin.publishTime).toISOString().replace('Z', '+00:00'),
    CloudPubSubDeadLetterSourceDeliveryCount: String(origin.deliveries),
  };
}
