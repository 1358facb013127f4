/** What the end of a task is to those that wait for it: they go on, or end with it. */

import type { Closers } from '../close.ts';
import type { Stored } from '../ports.ts';
import { readTask } from '../store.ts';
import { type Known, lifeOf } from '../task.ts';
import { DEPENDENTS, type Dependent } from './dependencies.ts';
import { proceed } from './waiting.ts';

const PER_COMMIT = 100;
const AT_ONCE = 20;

/** Who was cancelled, and whether that was all of them. */
export interface Told {
  readonly cancelled: readonly Known[];
  readonly isAll: boolean;
}

/**
 * Tells a task's end to those that wait for it, the highest priority first, until `until` (milliseconds since the epoch). Who was
 * told is forgotten, so that a repeat goes on where this stopped; what a crash left in between finds them gone on already.
 */
export async function tellDependents(runtime: Closers, ended: Known, until: number): Promise<Told> {
  const cancelled: Known[] = [];
  for (;;) {
    const { documents } = await runtime.documents.query(DEPENDENTS, {
      equal: { dependency: ended.id },
      orderBy: { field: 'rank', direction: 'asc' },
      limit: PER_COMMIT,
    });
    // Whoever waits for its new life is not told of the end of the old one.
    if (ended.task.status === 'dead' && !(await isLatestLife(runtime, ended))) return { cancelled, isAll: true };
    for (let index = 0; index < documents.length; index += AT_ONCE) {
      const told = await Promise.all(documents.slice(index, index + AT_ONCE).map((one) => tell(runtime, one, ended)));
      cancelled.push(...told.filter((one) => one !== undefined));
    }
    if (documents.length > 0) {
      await runtime.documents.commit(documents.map(({ id }) => ({ kind: 'delete', collection: DEPENDENTS, id })));
    }
    if (documents.length < PER_COMMIT) return { cancelled, isAll: true };
    if (runtime.clock.now() >= until) return { cancelled, isAll: false };
  }
}

/** Whether a task has not been redriven since. */
async function isLatestLife(runtime: Closers, { id, task }: Known): Promise<boolean> {
  const found = await readTask(runtime, id);
  return found !== undefined && lifeOf(found.task) === lifeOf(task);
}

/** The dependent, where this has cancelled it. */
async function tell(runtime: Closers, { data }: Stored, ended: Known): Promise<Known | undefined> {
  const { dependent } = data as unknown as Dependent;
  const known = await readTask(runtime, dependent);
  if (known === undefined || !known.task.waitingFor?.includes(ended.id)) return undefined;
  const next = await proceed(runtime, known, 'dependency', { ended });
  return next.kind === 'cancelled' ? next.known : undefined;
}
