/**
 * The body of a wrapped push request.
 *
 * Source: cloud.google.com/pubsub/docs/push#receive_push.
 */

import type { Delivery } from '../functions/core/ports.ts';

export interface EnvelopeOptions {
  /** `projects/P/subscriptions/S`. */
  readonly subscription: string;
  /** Only subscriptions with a dead-letter policy count attempts. */
  readonly countsAttempts: boolean;
}

/**
 * Gives the function that makes bodies for one subscription:
 * `{deliveryAttempt?, message: {attributes?, data, messageId, message_id, publishTime, publish_time}, subscription}`.
 * Written as text at once: several thousand of them are made each second. Without attributes the field is absent, as in Pub/Sub.
 */
export function envelopeWriter({ subscription, countsAttempts }: EnvelopeOptions): (delivery: Delivery) => string {
  const end = `"},"subscription":${JSON.stringify(subscription)}}`;
  return (delivery) => {
    const id = JSON.stringify(delivery.messageId);
    const time = new Date(delivery.publishTime).toISOString();
    const attempt = countsAttempts ? `"deliveryAttempt":${delivery.deliveryAttempt},` : '';
    let attributes = '';
    for (const _ in delivery.attributes) {
      attributes = `"attributes":${JSON.stringify(delivery.attributes)},`;
      break;
    }
    const data = delivery.data.toString('base64');
    return `{${attempt}"message":{${attributes}"data":"${data}","messageId":${id},"message_id":${id},"publishTime":"${time}","publish_time":"${time}${end}`;
  };
}
