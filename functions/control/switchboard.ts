/** What a decision writes on its tenant's switchboard. */

import type { Caller } from '../core/authenticate.ts';
import { Problem } from '../core/errors.ts';
import type { Fields, Stored, Write } from '../core/ports.ts';
import { agentScope, SWITCHES, type Switch, type Switches, switchesId } from '../core/registry/switches.ts';
import type { Runtime } from '../core/runtime.ts';

/** Whoever remembers a removed agent, or still runs for it, has looked by then: the longest run, and the longest memory. */
const REMOVED_MS = 3_600_000;
const MAX_SWITCHES = 2_000;

type Keepers = Pick<Runtime, 'control' | 'clock'>;

/**
 * The writes that bring an agent's switch into a state, under the version as read: none where it is so already. `as it is`: a
 * registration that does not say otherwise leaves off what is off, and lets go of what was removed.
 */
export async function switchWrites(
  runtime: Keepers,
  caller: Caller,
  agent: string,
  wanted: 'on' | 'as it is' | 'off' | 'deleted',
): Promise<readonly Write[]> {
  const { writes } = await turned(runtime, caller, agentScope(agent), (known) => {
    const isOff = wanted === 'off' || (wanted === 'as it is' && known?.state === 'off');
    return isOff ? 'off' : wanted === 'deleted' ? 'deleted' : undefined;
  });
  return writes;
}

/** A scope's switch before and after, and the writes that make it so. */
export interface Turned {
  readonly before: Switch | undefined;
  readonly after: Switch | undefined;
  readonly writes: readonly Write[];
}

/**
 * Brings one scope into the state that `stateFor` names, `undefined` for on, under the version as read. What is so already stays as
 * it is, with its time and whoever did it. Throws `Problem` 409 `too_many_switches`.
 */
export async function turned(
  runtime: Keepers,
  caller: Caller,
  scope: string,
  stateFor: (known: Switch | undefined) => Switch['state'] | undefined,
): Promise<Turned> {
  const stored = await storedBoard(runtime, caller.tenant);
  const switches = (stored?.data.switches ?? {}) as Switches;
  const before = Object.hasOwn(switches, scope) ? switches[scope] : undefined;
  const state = stateFor(before);
  if (state === before?.state) return { before, after: before, writes: [] };
  const now = runtime.clock.now();
  const kept = Object.entries(switches).filter(
    ([other, one]) => other !== scope && (one.state !== 'deleted' || one.at > now - REMOVED_MS),
  );
  const after: Switch | undefined = state && { state, at: now, by: caller.name };
  // An emergency stop has to be possible always.
  if (after !== undefined && after.state !== 'stopped' && kept.length >= MAX_SWITCHES)
    throw new Problem(
      409,
      'too_many_switches',
      `At most ${MAX_SWITCHES} agents and projects are off or paused at a time; switch one on, or remove fewer an hour.`,
    );
  const changed = Object.fromEntries([...kept, ...(after === undefined ? [] : [[scope, after] as const])]);
  return { before, after, writes: [boardWrite(caller.tenant, stored, { switches: changed })] };
}

/** A tenant's switchboard as stored, with its version. */
export function storedBoard({ control }: Pick<Runtime, 'control'>, tenant: string): Promise<Stored | undefined> {
  return control.get(SWITCHES, switchesId(tenant));
}

/** Sets fields of the switchboard under the version that was read, and leaves the others as they are. */
export function boardWrite(tenant: string, stored: Stored | undefined, set: Fields): Write {
  const id = switchesId(tenant);
  return stored === undefined
    ? { kind: 'create', collection: SWITCHES, id, data: { tenant, switches: {}, ...set } }
    : { kind: 'update', collection: SWITCHES, id, version: stored.version, set };
}
