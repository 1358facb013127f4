/** How a switchboard is shown. */

import { effectiveAt, PAUSE_ALL, STOP_ALL, type Switch, type Switches } from '../core/registry/switches.ts';
import type { Runtime } from '../core/runtime.ts';
import type { JsonObject } from '../core/task.ts';

/** By what a scope begins that names something. */
const NAMED = [
  ['pause:agent:', 'agent'],
  ['pause:project:', 'project'],
] as const;

/**
 * `{stopped?, paused, off}`, as `GET /switches` gives it, each with its `effectiveAt`: from when it holds everywhere. What is only
 * remembered as removed is not shown.
 */
export function switchesView(runtime: Pick<Runtime, 'settings'>, switches: Switches): JsonObject {
  const since = ({ at, by }: Switch) => ({ since: new Date(at).toISOString(), by, effectiveAt: effectiveAt(runtime, at) });
  const stopped = Object.hasOwn(switches, STOP_ALL) ? switches[STOP_ALL] : undefined;
  const entries = Object.entries(switches).sort(([a], [b]) => (a < b ? -1 : 1));
  return {
    ...(stopped === undefined ? {} : { stopped: since(stopped) }),
    paused: entries.filter(([, { state }]) => state === 'paused').map(([scope, one]) => ({ ...heldBy(scope), ...since(one) })),
    off: entries
      .filter(([, { state }]) => state === 'off')
      .map(([scope, one]) => ({ agent: scope.slice('agent:'.length), ...since(one) })),
  };
}

function heldBy(scope: string): JsonObject {
  if (scope === PAUSE_ALL) return { all: true };
  const [prefix, kind] = NAMED.find(([one]) => scope.startsWith(one)) ?? ['', 'scope'];
  return { [kind]: scope.slice(prefix.length) };
}
