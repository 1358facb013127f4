import { functionNames } from '../../emulator-bridge/local-stack.ts';
import type { BadDay } from './endure.ts';

/** The lease is 2 s and the grace 1 s: by then the sweeper has taken the task back. */
export const PAST_THE_LEASE_MS = 3_600;
const SKEW_MS = 30_000;

/** Late deliveries make the sweeper judge leases and retries by its own clock too. */
export function clocksOff(name: string, skewMs: Readonly<Record<string, number>>): BadDay & { readonly skewMs: typeof skewMs } {
  return {
    name,
    skewMs,
    begin({ faults }) {
      Object.assign(faults.skewMs, skewMs);
      Object.assign(faults.deliveries, { late: { share: 0.05, ms: PAST_THE_LEASE_MS } });
    },
    felt: ({ figures }) => Math.abs(figures.p50) > SKEW_MS,
  };
}

/** Those that are named half a minute behind, the others half a minute ahead. */
export function skewed(behind: readonly string[]): Readonly<Record<string, number>> {
  return Object.fromEntries(functionNames.map((name) => [name, behind.includes(name) ? -SKEW_MS : SKEW_MS]));
}
