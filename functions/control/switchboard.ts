/** What a decision writes on its tenant's switchboard. */

import type { Caller } from '../core/authenticate.ts';
import { Problem } from '../core/errors.ts';
import type { Write } from '../core/ports.ts';
import type { Runtime } from '../core/runtime.ts';
import { agentScope, SWITCHES, type Switch, type Switches, switchesId } from '../core/switches.ts';

/** Whoever remembers a removed agent, or still runs for it, has looked by then: the longest run, and the longest memory. */
const REMOVED_MS = 3_600_000;
const MAX_SWITCHES = 2_000;

/**
 * The writes that bring an agent's switch into a state, under the version as read: none where it is so already. `as it is`: a
 * registration that does not say otherwise leaves off what is off, and lets go of what was removed.
 */
export async function switchWrites(
  runtime: Pick<Runtime, 'control' | 'clock'>,
  caller: Caller,
  agent: string,
  wanted: 'on' | 'as it is' | Switch['state'],
): Promise<Write[]> {
  const id = switchesId(caller.tenant);
  const stored = await runtime.control.get(SWITCHES, id);
  const before = (stored?.data.switches ?? {}) as Switches;
  const scope = agentScope(agent);
  const { [scope]: known, ...others } = before;
  const isOff = wanted === 'off' || (wanted === 'as it is' && known?.state === 'off');
  const state = isOff ? 'off' : wanted === 'deleted' ? 'deleted' : undefined;
  if (state === known?.state) return [];
  const now = runtime.clock.now();
  const kept = Object.entries(others).filter(([, one]) => one.state !== 'deleted' || one.at > now - REMOVED_MS);
  const changed: Switch | undefined = state && { state, at: now, by: caller.name };
  if (changed !== undefined && kept.length >= MAX_SWITCHES)
    throw new Problem(
      409,
      'too_many_switches',
      `At most ${MAX_SWITCHES} agents are off at a time; switch one on, or remove fewer an hour.`,
    );
  const switches = Object.fromEntries([...kept, ...(changed === undefined ? [] : [[scope, changed] as const])]);
  return [
    stored === undefined
      ? { kind: 'create', collection: SWITCHES, id, data: { tenant: caller.tenant, switches } }
      : { kind: 'update', collection: SWITCHES, id, version: stored.version, set: { switches } },
  ];
}
