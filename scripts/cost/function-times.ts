/** How long the functions work for a load's tasks. */

import { readSettings } from '../../functions/core/settings.ts';
import type { Topology } from '../../functions/topology.ts';
import { ASSUMED, type Billed, billed, type Stream } from './compute.ts';
import type { Operations } from './operations.ts';
import type { Load } from './usage.ts';

const { httpWaitMs } = readSettings({}, { runtime: 'embedded' }).times;

/** By function: its billed time, and whether that is the agent's. */
type Times = Readonly<Record<string, { readonly time: Billed; readonly part: 'tasks' | 'agent' }>>;

/** The time of each function that a load's tasks go through. Throws a `TypeError` for one that the topology does not have. */
export function functionTimes(topology: Topology, load: Load, { requests }: Operations): Times {
  const { tasks, mode, runMs, reads, waits } = load;
  const { requestMs, callbackMs } = ASSUMED;
  const agentName = load.agent === 'light' ? 'agent-light' : load.agent;
  const ranMs = runMs + requestMs * (load.agent === 'light' ? 1 : 2);
  const answerMs = mode === 'http' ? requestMs + Math.min(ranMs, httpWaitMs) : requestMs;
  const waitMs = Math.min(requestMs * 2 + ranMs, httpWaitMs);
  const others = (requests.dispatch ?? 0) - 1 - waits - reads;
  const streams: Record<string, Stream[]> = {
    ...Object.fromEntries(Object.entries(requests).map(([name, count]) => [name, [{ requests: count * tasks, ms: requestMs }]])),
    dispatch: [
      { requests: tasks, ms: answerMs },
      { requests: waits * tasks, ms: waitMs },
      { requests: (others + reads) * tasks, ms: requestMs },
    ],
    [agentName]: [{ requests: (requests[agentName] ?? 0) * tasks, ms: ranMs }],
    ...(requests.callbacks ? { callbacks: [{ requests: requests.callbacks * tasks, ms: callbackMs }] } : {}),
  };
  const times = Object.entries(streams).map(([name, stream]) => {
    const row = topology.functions[name];
    if (row === undefined) throw new TypeError(`A task goes through the function ${name}, which the topology does not have.`);
    return [name, { time: billed(stream, row.concurrency), part: name === agentName ? 'agent' : 'tasks' }] as const;
  });
  return Object.fromEntries(times);
}
