/** Push delivery of every subscription of the topology. */

import { pushAccountEmail, pushAudience } from '../functions/core/addresses.ts';
import type { Log, Subscriptions } from '../functions/core/ports.ts';
import type { Settings } from '../functions/core/settings.ts';
import type { SubscriptionRow } from '../functions/topology.ts';
import type { Issuer } from './issuer.ts';
import { type Push, type PushCounters, type PushTransport, startPush } from './push.ts';

export interface Deliveries {
  /** By subscription. */
  counters(): Readonly<Record<string, PushCounters>>;
  stop(graceMs?: number): Promise<void>;
}

export interface DeliveriesOptions {
  /** With the functions' local URLs: endpoints and audiences are made from them. */
  readonly settings: Settings;
  readonly subscriptions: Readonly<Record<string, SubscriptionRow>>;
  readonly source: Subscriptions;
  readonly issuer: Pick<Issuer, 'token'>;
  /** The way to each subscription's endpoint. */
  readonly transport: (row: SubscriptionRow) => PushTransport;
  readonly log: Log;
}

/** Starts them all. */
export function startDeliveries(options: DeliveriesOptions): Deliveries {
  const { settings, source, issuer, log } = options;
  const email = pushAccountEmail(settings);
  const pushes = Object.entries(options.subscriptions).map(([subscription, row]): [string, Push] => {
    const audience = pushAudience(settings, row.function, row.path);
    const push = startPush({
      source,
      subscription,
      project: settings.project,
      transport: options.transport(row),
      token: () => issuer.token({ email, audience }),
      ackDeadlineSeconds: row.ackDeadlineSeconds,
      countsAttempts: row.deadLetter !== undefined,
      concurrency: settings.limits.deliveryConcurrency,
      log,
    });
    return [subscription, push];
  });
  return {
    counters: () => Object.fromEntries(pushes.map(([name, push]) => [name, push.counters()])),
    async stop(graceMs) {
      await Promise.all(pushes.map(([, push]) => push.stop(graceMs)));
    },
  };
}
