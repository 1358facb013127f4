/**
 * The bridge alone, between a Pub/Sub emulator and services that somebody else has started: pulls, and POSTs to them with
 * tokens of an issuer that they are told to trust.
 */

import { systemClock } from '../functions/adapters/clock.ts';
import { lazyEgress } from '../functions/adapters/lazy-egress.ts';
import { pubsubSubscriptions } from '../functions/adapters/pubsub.ts';
import { pushAccountEmail } from '../functions/core/addresses.ts';
import { Problem } from '../functions/core/errors.ts';
import type { Log } from '../functions/core/ports.ts';
import { type Environment, readSettings, variableOf } from '../functions/core/settings.ts';
import { type SubscriptionRow, topology } from '../functions/topology.ts';
import { startAgentDeliveries } from './agent-deliveries.ts';
import { startDeliveries } from './deliveries.ts';
import { foundRunning } from './emulators.ts';
import { type Issuer, startIssuer } from './issuer.ts';
import type { PushCounters } from './push.ts';
import { httpTransport } from './push-http.ts';
import { startSchedules } from './schedules.ts';

export interface Standalone {
  readonly issuer: Issuer;
  /** The endpoint of each subscription that is bridged. */
  readonly targets: Readonly<Record<string, string>>;
  /** What to print: the issuer, the targets, and what the services need in their environment. */
  readonly lines: readonly string[];
  counters(): Readonly<Record<string, PushCounters>>;
  stop(): Promise<void>;
}

const AGENT_PUSH_URL = 'http://localhost:8080/pubsub/push';
const ORCH_RESULTS_URL = 'http://localhost:8081/pubsub/results';

/**
 * Reads `PUBSUB_EMULATOR_HOST`, `GCP_PROJECT`, `AGENT_PUSH_URL` and `ORCH_RESULTS_URL`. Subscriptions of other functions are
 * bridged where `ORCHESTRATOR_FUNCTION_URLS` names them. Creates the topics and subscriptions that are missing. Throws
 * `Problem` `emulators_missing` or `emulator_failed` without an emulator, `invalid_settings`.
 */
export async function startStandalone({ environment, log }: { environment: Environment; log: Log }): Promise<Standalone> {
  const { PUBSUB_EMULATOR_HOST: host } = environment;
  if (!host) {
    throw new Problem(503, 'emulators_missing', 'Set PUBSUB_EMULATOR_HOST to the host:port of a running Pub/Sub emulator.');
  }
  const given = {
    'agent-light': environment.AGENT_PUSH_URL || AGENT_PUSH_URL,
    results: environment.ORCH_RESULTS_URL || ORCH_RESULTS_URL,
  };
  for (const [variable, url] of [
    ['AGENT_PUSH_URL', given['agent-light']],
    ['ORCH_RESULTS_URL', given.results],
  ] as const) {
    if (!/^https?:$/.test(URL.parse(url)?.protocol ?? ''))
      throw new Problem(422, 'invalid_settings', `${variable}: '${url}' is no HTTP address.`);
  }
  const settings = readSettings(environment, {
    runtime: 'emulators',
    'oidc.pushAudience': environment.PUBSUB_AUDIENCE || given['agent-light'],
    'oidc.resultsAudience': environment.RESULTS_PUBSUB_AUDIENCE || given.results,
  });
  const endpoint = (row: SubscriptionRow): string | undefined => {
    if (row.function === 'agent-light' || row.function === 'results') return given[row.function];
    const base = settings.functionUrls[row.function];
    return base === undefined ? undefined : base.replace(/\/$/, '') + row.path;
  };
  await foundRunning('pubsub', host);
  const rows = Object.entries(topology.subscriptions);
  const bridged = Object.fromEntries(rows.filter(([, row]) => endpoint(row) !== undefined));
  // A dead-letter topic without a subscription loses its messages, bridged or not.
  const needed = Object.fromEntries(rows.filter(([name, { topic }]) => name in bridged || topology.topics[topic]?.deadLetterFor));

  await using release = new AsyncDisposableStack();
  const issuer = release.adopt(await startIssuer({ ...settings, folder: settings.dataDir }), (it) => it.close());
  const source = release.adopt(
    pubsubSubscriptions({
      projectId: settings.project,
      topology: { topics: topology.topics, subscriptions: needed },
      clock: systemClock(),
      backoffMinimumMs: settings.times.backoffMinimumMs,
      backoffMaximumMs: settings.times.backoffMaximumMs,
      onError: (subscription, error) => log.warn({ subscription, error: String(error) }, 'pull broke off'),
    }),
    (it) => it.close(),
  );
  await source.createTopology();
  const deliveries = release.adopt(
    startDeliveries({
      settings,
      subscriptions: bridged,
      source,
      issuer,
      transport: (row) => httpTransport(endpoint(row) as string, settings.limits.deliveryConcurrency),
      log,
    }),
    (it) => it.stop(),
  );
  const egress = release.adopt(lazyEgress({ allowLoopback: settings.allowLoopback, operatorOrigins: [] }), (it) => it.close());
  release.adopt(startAgentDeliveries({ settings, made: source, source, issuer, egress, log }), (it) => it.stop());
  const email = pushAccountEmail(settings);
  const schedules = Object.entries(topology.schedules).filter(([, row]) => settings.functionUrls[row.function] !== undefined);
  release.adopt(
    startSchedules({
      schedules: Object.fromEntries(schedules),
      urls: settings.functionUrls,
      token: (audience) => issuer.token({ email, audience }),
      everyMs: settings.times.sweepMs,
      log,
    }),
    (it) => it.stop(),
  );

  const targets = Object.fromEntries(Object.entries(bridged).map(([name, row]) => [name, endpoint(row) as string]));
  const kept = release.move();
  return {
    issuer,
    targets,
    counters: () => deliveries.counters(),
    stop: () => kept.disposeAsync(),
    lines: [
      `Bridging the Pub/Sub emulator at ${host}, project ${settings.project}:`,
      ...Object.entries(targets).map(([name, url]) => `  ${name} -> ${url}`),
      ...rows
        .filter(([name]) => !(name in bridged))
        .map(([name, row]) => `  ${name} is not bridged: ORCHESTRATOR_FUNCTION_URLS does not name ${row.function}`),
      `Issuer ${issuer.url}, keys at ${issuer.jwksUrl}, tokens of ${email}.`,
      'The services need in their environment:',
      `  GCP_PROJECT=${settings.project}`,
      `  ${variableOf('oidc.issuer')}=${issuer.url}`,
      `  ${variableOf('oidc.jwksUrl')}=${issuer.jwksUrl}`,
      `  PUBSUB_AUDIENCE=${settings.oidc.pushAudience}`,
      `  RESULTS_PUBSUB_AUDIENCE=${settings.oidc.resultsAudience}`,
    ],
  };
}
