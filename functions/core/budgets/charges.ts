/** What attempts are charged: what they report, at most their quote, and that quote where they report nothing. */

import type { Runtime } from '../runtime.ts';
import type { Charge, TaskCore } from '../task.ts';

/** For the timeline, what an attempt reported above its quote; alarmed, since an agent's price is then wrong. */
export function overrun(
  runtime: Pick<Runtime, 'log'>,
  task: TaskCore,
  epoch: number | undefined,
  reportedMicros: number | undefined,
): { readonly overrunMicros?: number } {
  const quoteMicros = task.charges.find((charge) => charge.epoch === epoch)?.quoteMicros ?? 0;
  if (reportedMicros === undefined || reportedMicros <= quoteMicros) return {};
  const overrunMicros = reportedMicros - quoteMicros;
  runtime.log.error({ agent: task.agent, epoch, overrunMicros }, 'An attempt reported more than its quote; the quote is charged.');
  return { overrunMicros };
}

/** A charge as it stands at the end: the report, at most the quote; without one the quote. */
export function settled(charge: Charge, reportedMicros: number | undefined): Charge {
  if (reportedMicros !== undefined && !charge.reported) {
    const ceiling = charge.costMicros ?? charge.quoteMicros;
    return { ...charge, costMicros: Math.min(Math.max(0, reportedMicros), ceiling), reported: true };
  }
  return charge.costMicros === undefined ? { ...charge, costMicros: charge.quoteMicros } : charge;
}
