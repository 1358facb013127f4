/**
 * What the functions measure, and what waits in the queues, counted by OpenTelemetry's SDK and shown as Prometheus reads it.
 *
 * Sources: OpenTelemetry's metrics API; Prometheus' text format 0.0.4.
 */

import { agentNameOf, everybodysIntents } from '../functions/core/intents/intents.ts';
import type { Measure } from '../functions/core/measures.ts';
import { agentRegistry } from '../functions/core/registry/agents.ts';
import type { Settings } from '../functions/core/settings.ts';

export interface Metrics {
  note(measure: Measure): void;
  /** All of it as text. */
  text(): Promise<string>;
}

/** What a tenant has named goes by this: each name would be a series of its own, for ever. */
const TENANTS = "tenant's own";
const MAX_CIRCUITS = 1_000;
const RUN_SECONDS = [0.005, 0.025, 0.1, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 540];
const REQUEST_SECONDS = [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10, 30];

/** `oldest` gives the ages of the oldest unacknowledged messages, in seconds by subscription. The library is loaded behind the start. */
export function openTelemetryMetrics(settings: Settings, oldest: () => Readonly<Record<string, number>>): Metrics {
  const made = make(settings, oldest);
  // Whoever asks is told why it could not be loaded.
  made.catch(() => {});
  return {
    note: (measure) => void made.then(({ note }) => note(measure)).catch(() => {}),
    text: async () => (await made).text(),
  };
}

async function make(settings: Settings, oldest: () => Readonly<Record<string, number>>): Promise<Metrics> {
  const [{ MeterProvider, MetricReader }, { PrometheusSerializer }] = await Promise.all([
    import('@opentelemetry/sdk-metrics'),
    import('@opentelemetry/exporter-prometheus'),
  ]);
  class OnDemand extends MetricReader {
    protected async onForceFlush(): Promise<void> {}
    protected async onShutdown(): Promise<void> {}
  }
  const reader = new OnDemand();
  const meter = new MeterProvider({ readers: [reader] }).getMeter('heliograph');
  const serializer = new PrometheusSerializer(undefined, false, undefined, true, true);

  const agent = agentNames(settings);
  const circuits = new Map<string, { readonly agent: string; readonly state: string }>();
  const created = meter.createCounter('heliograph_tasks_created', { description: 'Tasks that were created.' });
  const ended = meter.createCounter('heliograph_tasks_ended', { description: 'Ends of tasks; a redriven one ends again.' });
  const swept = meter.createCounter('heliograph_swept', { description: 'What the sweeper has done, by kind.' });
  const runs = meter.createHistogram('heliograph_run_seconds', {
    description: 'How long attempts ran.',
    advice: { explicitBucketBoundaries: RUN_SECONDS },
  });
  const requests = meter.createHistogram('heliograph_request_seconds', {
    description: 'How long requests took, pushes too, by route.',
    advice: { explicitBucketBoundaries: REQUEST_SECONDS },
  });
  meter
    .createObservableGauge('heliograph_circuits', { description: 'Circuits that are not closed, as far as seen since the start.' })
    .addCallback((result) => {
      for (const [labels, count] of counted([...circuits.values()])) result.observe(count, labels);
    });
  meter
    .createObservableGauge('heliograph_oldest_unacked_seconds', {
      description: 'Age of the oldest message under way or to come again.',
    })
    .addCallback((result) => {
      for (const [subscription, seconds] of Object.entries(oldest())) result.observe(seconds, { subscription });
    });

  return {
    note(measure) {
      if (measure.kind === 'created') created.add(1, { agent: agent(measure.agent) });
      else if (measure.kind === 'ended') ended.add(1, { agent: agent(measure.agent), status: measure.status });
      else if (measure.kind === 'run') runs.record(measure.seconds, { agent: agent(measure.agent), outcome: measure.outcome });
      else if (measure.kind === 'swept') for (const [kind, count] of Object.entries(measure.counts)) swept.add(count, { kind });
      else if (measure.kind === 'request') {
        const { kind: _, seconds, ...labels } = measure;
        requests.record(seconds, labels);
      } else if (measure.state === 'closed') circuits.delete(measure.id);
      else if (circuits.size < MAX_CIRCUITS) circuits.set(measure.id, { agent: agent(measure.agent), state: measure.state });
    },
    text: async () => serializer.serialize((await reader.collect()).resourceMetrics),
  };
}

/** The names of everybody's agents and intents stand for themselves. */
function agentNames(settings: Settings): (name: string) => string {
  const everybodys = new Set([...agentRegistry(settings).names, ...everybodysIntents({ settings }).map(agentNameOf)]);
  return (name) => (everybodys.has(name) ? name : TENANTS);
}

function counted(all: readonly { readonly agent: string; readonly state: string }[]) {
  const counts = Map.groupBy(all, ({ agent, state }) => JSON.stringify([agent, state]));
  return [...counts.values()].map((same) => [{ ...same[0] }, same.length] as const);
}
