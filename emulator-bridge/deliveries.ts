/** Push delivery of every subscription of the topology. */

import { pushAccountEmail, pushAudience } from '../functions/core/addresses.ts';
import type { Log, Subscriptions } from '../functions/core/ports.ts';
import type { Settings } from '../functions/core/settings.ts';
import type { SubscriptionRow } from '../functions/topology.ts';
import type { Issuer } from './issuer.ts';
import { type Push, type PushCounters, startPush } from './push.ts';

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
  /** Full endpoint of each subscription. */
  readonly endpoint: (row: SubscriptionRow) => string;
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
      endpoint: options.endpoint(row),
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
