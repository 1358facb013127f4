/** What both local runtimes have in common, in front of their functions: deliveries, schedules, one address. */

import type { Server } from 'node:http';
import { systemClock } from '../functions/adapters/clock.ts';
import { lazyEgress } from '../functions/adapters/lazy-egress.ts';
import { pushAccountEmail } from '../functions/core/addresses.ts';
import { onMeasure } from '../functions/core/measures.ts';
import type { Egress, Log, MadeSubscriptions, Subscriptions } from '../functions/core/ports.ts';
import type { Room } from '../functions/core/runtime.ts';
import type { Settings } from '../functions/core/settings.ts';
import { topology } from '../functions/topology.ts';
import manifest from '../package.json' with { type: 'json' };
import { startAgentDeliveries } from './agent-deliveries.ts';
import { startDeliveries } from './deliveries.ts';
import { startFront } from './front.ts';
import { frontMetrics } from './front-metrics.ts';
import type { ResponseClass } from './held-responses.ts';
import type { Issuer } from './issuer.ts';
import { openTelemetryMetrics } from './metrics.ts';
import type { PushCounters, PushTransport } from './push.ts';
import { httpTransport } from './push-http.ts';
import { inProcessTransport } from './push-in-process.ts';
import { startSchedules } from './schedules.ts';
import { watchedSource } from './watched-source.ts';

/** A running Heliograph on this machine. */
export interface LocalStack {
  /** The one address of everything. */
  readonly url: string;
  readonly functionUrls: Readonly<Record<string, string>>;
  /** As the functions have them, with the local addresses and issuer. */
  readonly settings: Settings;
  readonly issuer: Issuer;
  /** The API key, where `auth` is `required`. */
  readonly key: string | undefined;
  /** What else listens where: lines to print. */
  readonly notes: readonly string[];
  /** Of push delivery, by subscription. */
  counters(): Readonly<Record<string, PushCounters>>;
  /** The functions' processes; empty where they share this one. */
  pids(): Readonly<Record<string, number | undefined>>;
  /** Ends everything, in the reverse order of its start. */
  stop(): Promise<void>;
}

export interface LocalOptions {
  readonly settings: Settings;
  readonly log: Log;
  /** Whether to use 8000 and 8080 too, where they are free; unless told, whenever `port` is not 0. */
  readonly customaryPorts?: boolean;
  readonly between?: Between;
}

/** What a test may put between the bridge and the functions. */
export interface Between {
  readonly source?: (source: Subscriptions) => Subscriptions;
  /** The address at which a function's pushes are delivered, given its own. */
  readonly endpoint?: (name: string, url: string) => string;
}

export const functionNames: readonly string[] = Object.keys(topology.functions);

/** The longest backoff of Pub/Sub. Source: Google Cloud, "Retry policy". */
const MOST_BACKOFF_MS = 600_000;
/** How long running requests have to end, at each step of stopping. */
const GRACE_MS = 2000;

/** The settings with the functions' addresses and the issuer; they are on loopback, so that has to be allowed. */
export function localSettings(settings: Settings, urls: Readonly<Record<string, string>>, issuer: Issuer): Settings {
  return {
    ...settings,
    functionUrls: { ...urls },
    allowLoopback: true,
    oidc: { ...settings.oidc, issuer: issuer.url, jwksUrl: issuer.jwksUrl },
  };
}

export interface Assembly {
  readonly options: LocalOptions;
  /** Already with the local addresses. */
  readonly settings: Settings;
  readonly issuer: Issuer;
  readonly source: Subscriptions & MadeSubscriptions;
  /** The way to registered agents' own addresses, where it is not the usual one. */
  readonly egress?: Egress;
  /** Of functions in this process. */
  readonly servers?: Readonly<Record<string, Server>>;
  readonly rooms?: Readonly<Record<string, Room>>;
  readonly response?: ResponseClass;
  readonly key: string | undefined;
  readonly pids: LocalStack['pids'];
  /** What it has beside the front: lines to print. */
  readonly notes?: readonly string[];
}

/**
 * Starts what stands in front of the functions and hands over everything in `release`, so that `stop` ends it all. Rejects with
 * Node's `EADDRINUSE` when the port is taken.
 */
export async function assemble(release: AsyncDisposableStack, assembly: Assembly): Promise<LocalStack> {
  const { options, settings, issuer, source, servers, rooms, response, key, pids } = assembly;
  const { log, between = {} } = options;
  const urls = settings.functionUrls;
  const endpointOf = between.endpoint ?? ((_name, url) => url);
  const { times } = settings;
  const names = Object.keys(topology.subscriptions);
  const watched = watchedSource(
    between.source?.(source) ?? source,
    names,
    2 * (times.backoffMaximumMs ?? MOST_BACKOFF_MS),
    systemClock().now,
  );
  const metrics = openTelemetryMetrics(settings, watched.oldest);
  release.defer(onMeasure(metrics.note));
  // First, so that a busy port is found before any message moves.
  const front = await startFront({
    functions: topology.functions,
    urls,
    servers,
    response,
    port: settings.port,
    customaryPorts: options.customaryPorts ?? settings.port !== 0,
    version: manifest.version,
    metrics: frontMetrics(urls.dispatch as string, metrics.text),
    log,
  });
  release.adopt(front, (it) => it.stop(GRACE_MS));
  const deliveries = release.adopt(
    startDeliveries({
      settings,
      subscriptions: topology.subscriptions,
      source: watched.source,
      issuer,
      transport: ({ function: name, path }) => {
        const url = urls[name] as string;
        const endpoint = endpointOf(name, url);
        return transportTo(endpoint + path, endpoint === url ? rooms?.[name] : undefined, settings);
      },
      log,
    }),
    (it) => it.stop(GRACE_MS),
  );
  const egress =
    assembly.egress ??
    release.adopt(lazyEgress({ allowLoopback: settings.allowLoopback, operatorOrigins: [] }), (it) => it.close());
  const agentDeliveries = release.adopt(
    startAgentDeliveries({ settings, made: source, source: watched.source, issuer, egress, log }),
    (it) => it.stop(GRACE_MS),
  );
  const email = pushAccountEmail(settings);
  release.adopt(
    startSchedules({
      schedules: topology.schedules,
      urls,
      token: (audience) => issuer.token({ email, audience }),
      everyMs: settings.times.sweepMs,
      log,
    }),
    (it) => it.stop(),
  );
  const owned = release.move();
  return {
    url: front.url,
    functionUrls: urls,
    settings,
    issuer,
    key,
    notes: [...front.notes, ...(assembly.notes ?? [])],
    counters: () => ({ ...deliveries.counters(), ...agentDeliveries.counters() }),
    pids,
    stop: () => owned.disposeAsync(),
  };
}

function transportTo(endpoint: string, room: Room | undefined, { limits }: Settings): PushTransport {
  return room === undefined
    ? httpTransport(endpoint, limits.deliveryConcurrency)
    : inProcessTransport(endpoint, room, systemClock());
}
