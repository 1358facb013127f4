/** Tasks that must not run now: their agent was switched off or removed, or they are paused. */

import { type Closers, closeQueued } from '../close.ts';
import { stopOf } from '../registry/switches.ts';
import type { Runtime } from '../runtime.ts';
import type { Known } from '../task.ts';
import { setBackIfPaused } from '../waiting/set-back.ts';

/**
 * Ends a queued task that its agent must not run. `agent_disabled` leaves it dead, so that it can be redriven once the agent is
 * on again; `agent_not_found` has failed for good. One that is paused waits. One that was claimed or set back meanwhile is left to
 * that. Returns whether there is nothing to run.
 */
export async function endOrSetBack(runtime: Closers & Pick<Runtime, 'control'>, known: Known): Promise<boolean> {
  const { tenant, agent, status } = known.task;
  const error = status === 'queued' ? await stopOf(runtime, tenant, agent) : undefined;
  if (error === undefined) return setBackIfPaused(runtime, known);
  await closeQueued(runtime, { status: error.code === 'agent_disabled' ? 'dead' : 'failed', error }, known);
  return true;
}
