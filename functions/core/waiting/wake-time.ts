import type { Runtime } from '../runtime.ts';
import type { Change } from '../store.ts';
import type { TaskCore } from '../task.ts';
import { BACKUP } from './gate-names.ts';

/** When a waiting task is to be looked at: when its time comes, and every few minutes, so that a lost release is found. */
export function wakeOf(
  runtime: Pick<Runtime, 'clock' | 'settings'>,
  { notBefore, ttl }: Pick<TaskCore, 'notBefore' | 'ttl'>,
): number {
  const now = runtime.clock.now();
  const its = notBefore !== undefined && notBefore > now ? notBefore : Number.POSITIVE_INFINITY;
  return Math.min(its, now + runtime.settings.times.waitingMaximumMs, ttl * 1000);
}

/** The same, by what it waits for next: a backup is asked for again after a while, and then less and less often. */
export function wakingFor(
  runtime: Pick<Runtime, 'clock' | 'settings'>,
  task: Pick<TaskCore, 'notBefore' | 'ttl' | 'wakeDelayMs'>,
  next: string | undefined,
): Change['set'] {
  const wakeAt = wakeOf(runtime, task);
  if (next !== BACKUP) return { wakeAt };
  const { republishMs, republishMaximumMs } = runtime.settings.times;
  const wakeDelayMs = task.wakeDelayMs === undefined ? republishMs : Math.min(republishMaximumMs, task.wakeDelayMs * 2);
  return { wakeDelayMs, wakeAt: Math.min(wakeAt, runtime.clock.now() + wakeDelayMs) };
}
