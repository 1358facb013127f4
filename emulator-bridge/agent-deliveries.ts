/** Push delivery to registered agents: their subscriptions come and go while the bridge runs. */

import type { Egress, Log, MadeSubscriptions, Subscriptions } from '../functions/core/ports.ts';
import type { Settings } from '../functions/core/settings.ts';
import type { AgentSubscriptionRow } from '../functions/topology.ts';
import type { Deliveries } from './deliveries.ts';
import type { Issuer } from './issuer.ts';
import { type Push, startPush } from './push.ts';
import { egressTransport } from './push-egress.ts';

export interface AgentDeliveriesOptions {
  readonly settings: Pick<Settings, 'project' | 'limits'>;
  readonly made: MadeSubscriptions;
  readonly source: Subscriptions;
  readonly issuer: Pick<Issuer, 'token'>;
  readonly egress: Pick<Egress, 'request'>;
  readonly log: Log;
}

/** Starts what there is, and follows each change: what pushes elsewhere now is started anew, what is gone is stopped. */
export function startAgentDeliveries(options: AgentDeliveriesOptions): Deliveries {
  const { settings, source, issuer, egress, log } = options;
  const running = new Map<string, { readonly row: string; readonly push: Push }>();
  const stopping = new Set<Promise<void>>();

  const stopWatching = options.made.watch((made) => {
    for (const [name, { row, push }] of running) {
      if (row === JSON.stringify(made[name])) continue;
      running.delete(name);
      const stopped = push.stop().catch((error: unknown) => log.warn({ name, err: error }, 'a delivery did not stop'));
      stopping.add(stopped);
      void stopped.then(() => stopping.delete(stopped));
    }
    for (const [name, row] of Object.entries(made)) {
      if (!running.has(name)) running.set(name, { row: JSON.stringify(row), push: start(name, row) });
    }
  });

  function start(subscription: string, row: AgentSubscriptionRow): Push {
    const { email, audience, endpoint } = row;
    return startPush({
      source,
      subscription,
      project: settings.project,
      transport: egressTransport(endpoint, egress),
      token: () => issuer.token({ email, audience }),
      ackDeadlineSeconds: row.ackDeadlineSeconds,
      countsAttempts: row.deadLetter !== undefined,
      concurrency: settings.limits.deliveryConcurrency,
      log,
    });
  }

  return {
    counters: () => Object.fromEntries([...running].map(([name, { push }]) => [name, push.counters()])),
    async stop(graceMs) {
      stopWatching();
      await Promise.all([...[...running.values()].map(({ push }) => push.stop(graceMs)), ...stopping]);
    },
  };
}
