/**
 * What happens, for whoever counts it: nobody in the cloud, where Cloud Run and Pub/Sub count for themselves, and the bridge locally. A
 * channel of Node's, and no port: without a listener a measure costs one look, and nothing that measures has to be handed anything.
 */

import diagnostics from 'node:diagnostics_channel';
import type { EndStatus } from './task.ts';

/** The channel's name. */
export const MEASURES = 'heliograph:measures';

/** Names of agents stand here as they are, a tenant's as well: whoever counts bounds them. Times are in seconds. */
export type Measure =
  | { readonly kind: 'created'; readonly agent: string }
  | { readonly kind: 'ended'; readonly agent: string; readonly status: EndStatus }
  | { readonly kind: 'run'; readonly agent: string; readonly outcome: string; readonly seconds: number }
  | {
      readonly kind: 'request';
      readonly function: string;
      readonly method: string;
      /** The pattern, not the path. */
      readonly route: string;
      readonly status: number;
      readonly seconds: number;
    }
  | { readonly kind: 'circuit'; readonly id: string; readonly agent: string; readonly state: 'closed' | 'open' | 'half-open' }
  | { readonly kind: 'swept'; readonly counts: Readonly<Record<string, number>> };

const channel = diagnostics.channel(MEASURES);

/** Tells whoever listens; where nobody does, the measure is not even made. */
export function measured(make: () => Measure): void {
  if (channel.hasSubscribers) channel.publish(make());
}

/** Has `note` told of all that this process measures; the result ends it. `note` must not throw. */
export function onMeasure(note: (measure: Measure) => void): () => void {
  const listener = (message: unknown) => note(message as Measure);
  diagnostics.subscribe(MEASURES, listener);
  return () => void diagnostics.unsubscribe(MEASURES, listener);
}
