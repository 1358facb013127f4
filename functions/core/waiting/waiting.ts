/**
 * What a waiting task does next: it is queued once all that it waits for has come, and ends as cancelled once something has that
 * it can never pass. Asked by the ends of its dependencies, by decisions about it, and by the sweeper.
 */

import type { Closers } from '../close.ts';
import { publishOrLeave, runMessage } from '../run-message.ts';
import { readTask } from '../store.ts';
import type { Known, Task } from '../task.ts';
import { admitWaiting } from './admit-waiting.ts';
import { type Advanced, advance } from './advance.ts';
import { isResource, RESUME } from './gate-names.ts';

/** `released`: queued, and published; `waiting` on; `cancelled`, with follow-ups to be done; `moved`: it no longer waits. */
export type Proceeded = Advanced;

interface Options {
  /** A dependency that is known to have ended. */
  readonly ended?: Known;
  /** Not for whoever runs it himself. */
  readonly publishes?: boolean;
}

/**
 * Has a task that waits go on, as far as it can. `by` is for the timeline. Where it has to wait in a line it looks once more from
 * there: what was released before it stood there was released to nobody.
 */
export async function proceed(
  runtime: Closers,
  known: Known<Task>,
  by: string,
  { ended, publishes = true }: Options = {},
): Promise<Proceeded> {
  let next = await advance(runtime, known, { by, ...(ended === undefined ? {} : { ended }) });
  const freed = next.kind === 'waiting' ? next.freed : [];
  if (next.kind === 'waiting' && next.known.task.standing === RESUME) next = await advance(runtime, next.known, { by });
  if (next.kind === 'released' && publishes) await publishOrLeave(runtime, runMessage(next.known, next.known.task));
  if (next.kind !== 'waiting') return next;
  const { standing } = next.known.task;
  const isInLine = standing !== undefined && isResource(standing);
  const until = runtime.clock.now() + runtime.settings.times.followUpMs;
  for (const gate of [...freed, ...(isInLine ? [standing] : [])]) await admitWaiting(runtime, known.task.tenant, gate, until);
  if (!isInLine) return next;
  const found = await readTask(runtime, known.id);
  return found?.task.status === 'waiting' ? { kind: 'waiting', known: found, freed: [] } : { kind: 'moved' };
}
