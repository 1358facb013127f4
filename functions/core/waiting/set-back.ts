/** Queued tasks that are paused: they wait, without what they had taken, since others could use it meanwhile. */

import type { Closers } from '../close.ts';
import { type Pause, pauseOf } from '../registry/switches.ts';
import { type Decision, decideAndWrite, readTask } from '../store.ts';
import type { Known } from '../task.ts';
import { admitWaiting } from './admit-waiting.ts';
import { RESUME } from './gate-names.ts';
import { givingBack } from './give-back.ts';
import { joinLine } from './line.ts';
import { proceed } from './waiting.ts';
import { wakeOf } from './wake-time.ts';

/** Has a queued task wait for `resume`, if it is paused. No attempt is counted. Returns whether there is nothing to run. */
export async function setBackIfPaused(runtime: Closers, known: Known): Promise<boolean> {
  const { tenant, status } = known.task;
  const pause = status === 'queued' ? await pauseOf(runtime, tenant, known.task) : undefined;
  if (pause === undefined) return false;
  const decide = (current: Known): Decision<readonly string[] | undefined> => setBack(runtime, current, pause);
  const freed = await decideAndWrite(runtime, known.id, known, decide, undefined);
  if (freed === undefined) return false;
  const until = runtime.clock.now() + runtime.settings.times.followUpMs;
  for (const gate of freed) await admitWaiting(runtime, tenant, gate, until);
  // What was resumed before it stood in line was resumed for nobody.
  const found = await readTask(runtime, known.id);
  if (found?.task.standing === RESUME) await proceed(runtime, found, 'resume');
  return true;
}

/** Gives the gates at which it gives something back; `undefined` where somebody has taken the task up. */
function setBack(runtime: Closers, known: Known, { code }: Pause): Decision<readonly string[] | undefined> {
  const { task } = known;
  if (task.status !== 'queued') return { answer: undefined };
  const { freed, again, also, remove } = givingBack(task);
  return {
    change: {
      set: { status: 'waiting', waitingFor: [RESUME, ...again], standing: RESUME, wakeAt: wakeOf(runtime, task) },
      remove: [...remove, 'deadLetters'],
      event: { event: 'waiting', for: [RESUME], code },
      also: [joinLine(known, RESUME), ...also],
    },
    gives: () => freed,
  };
}
