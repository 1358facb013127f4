/**
 * Push delivery of one subscription, as Pub/Sub does it: pull, POST, and acknowledge or not by the status.
 *
 * Filter, backoff and dead letter are the source's; the envelope, the token, the time limit and the pace are made here.
 */

import type { Delivery, Log, Subscriptions } from '../functions/core/ports.ts';
import { envelopeWriter } from './push-envelope.ts';
import { pushWindow } from './push-window.ts';

export interface PushOptions {
  readonly source: Subscriptions;
  /** The subscription's short name. */
  readonly subscription: string;
  readonly project: string;
  readonly transport: PushTransport;
  /** The ID token for one request: made for the subscription's audience and cached by the issuer. */
  readonly token: () => Promise<string>;
  /** Also the time limit of one request. */
  readonly ackDeadlineSeconds: number;
  /** Whether `deliveryAttempt` is sent: only with a dead-letter policy. */
  readonly countsAttempts: boolean;
  /** The most requests under way at once. */
  readonly concurrency: number;
  readonly log: Log;
}

/** How a push request reaches its endpoint. */
export interface PushTransport {
  /** POSTs once; `done` is called once, with the status, or 0 when no whole answer came within the limit. */
  post(request: PushRequest, done: (status: number) => void): void;
  /** Cuts what is under way. */
  close(): Promise<void>;
}

export interface PushRequest {
  readonly bearer: string;
  readonly body: string;
  readonly limitMs: number;
}

/** The headers of a push request, beside what frames and routes it. */
export const pushHeaders = (bearer: string) => ({
  authorization: `Bearer ${bearer}`,
  'content-type': 'application/json',
  accept: 'application/json',
  from: 'noreply@google.com',
  'user-agent': 'CloudPubSub-Google',
});

export interface PushCounters {
  readonly delivered: number;
  readonly acked: number;
  readonly nacked: number;
  /** Milliseconds from request to answer, summed over `delivered`, and the longest. */
  readonly latencyMs: number;
  readonly latencyMaximumMs: number;
  readonly window: number;
  readonly inFlight: number;
}

export interface Push {
  counters(): PushCounters;
  /** Takes no more, lets running requests end for `graceMs` (default 2 s), then cuts them; what is unanswered comes again. */
  stop(graceMs?: number): Promise<void>;
}

/** The statuses that acknowledge. Source: cloud.google.com/pubsub/docs/push#receive_push. */
export const ACKNOWLEDGING: ReadonlySet<number> = new Set([102, 200, 201, 202, 204]);

/** Starts delivering. */
export function startPush(options: PushOptions): Push {
  const { source, subscription, project, transport, concurrency, log, token } = options;
  const limitMs = options.ackDeadlineSeconds * 1000;
  const envelope = envelopeWriter({
    subscription: `projects/${project}/subscriptions/${subscription}`,
    countsAttempts: options.countsAttempts,
  });
  const window = pushWindow(concurrency);
  const waiting: Delivery[] = [];
  const count = { delivered: 0, acked: 0, nacked: 0, latencyMs: 0, latencyMaximumMs: 0 };
  let stopping = false;
  let whenIdle: (() => void) | undefined;

  const stopPull = source.pull(subscription, concurrency, (delivery) => {
    if (stopping) return;
    if (window.hasRoom()) send(delivery);
    else waiting.push(delivery);
  });

  function send(delivery: Delivery): void {
    window.enter();
    token().then(
      (bearer) => {
        const started = performance.now();
        const request = { bearer, body: envelope(delivery), limitMs };
        transport.post(request, (status) => settle(delivery, status, performance.now() - started));
      },
      (error: unknown) => {
        log.error({ subscription, error: String(error) }, 'no token for a push request');
        settle(delivery, 0, 0);
      },
    );
  }

  function settle(delivery: Delivery, status: number, ms: number): void {
    const succeeded = ACKNOWLEDGING.has(status);
    count.delivered += 1;
    count.latencyMs += ms;
    if (ms > count.latencyMaximumMs) count.latencyMaximumMs = ms;
    // What stopping cut short is no failure of the endpoint: unanswered, it comes again without a lost attempt.
    if (succeeded) {
      count.acked += 1;
      delivery.ack();
    } else if (!stopping || status !== 0) {
      count.nacked += 1;
      delivery.nack();
      log.debug({ subscription, messageId: delivery.messageId, status }, 'push request not acknowledged');
    }
    window.leave(succeeded);
    while (window.hasRoom()) {
      const next = waiting.shift();
      if (next === undefined) break;
      send(next);
    }
    if (stopping && window.inFlight === 0) whenIdle?.();
  }

  return {
    counters: () => ({ ...count, window: window.size, inFlight: window.inFlight }),
    async stop(graceMs = 2000) {
      stopping = true;
      waiting.length = 0;
      if (window.inFlight > 0) {
        await new Promise<void>((resolve) => {
          const cut = setTimeout(resolve, graceMs);
          whenIdle = () => {
            clearTimeout(cut);
            resolve();
          };
        });
      }
      await transport.close();
      await stopPull();
    },
  };
}
