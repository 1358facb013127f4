/** What a month uses, in the units of the price list: of the tasks, and of what stands there without any. */

import { FRESH_MS as SECRET_FRESH_MS } from '../../functions/adapters/secret-manager.ts';
import { readSettings } from '../../functions/core/settings.ts';
import type { FunctionRow, Topology } from '../../functions/topology.ts';
import { ASSUMED, type Billed, MONTH_SECONDS } from './compute.ts';
import { functionTimes } from './function-times.ts';
import { DAY_READS, type Operations, operationsOf, type Way } from './operations.ts';
import type { Place, PriceName } from './prices.ts';
import { sealingUses } from './sealing.ts';
import { sizesOf } from './sizes.ts';
import { type Standing, standingUses } from './standing.ts';

/** A month's load. Sizes are of JSON text; `way.largePayload` and `largeResult` follow from them. */
export interface Load extends Standing {
  readonly place: Place;
  readonly tasks: number;
  readonly payloadBytes: number;
  readonly resultBytes: number;
  readonly runMs: number;
  readonly mode: Way['mode'];
  readonly agent: Way['agent'];
  readonly callback: boolean;
  readonly budget: boolean;
  readonly reads: number;
  readonly waits: number;
}

/** `agent` is the time of the agent's function, which whoever compares must add on the other side too. */
export interface Use {
  readonly price: PriceName;
  readonly quantity: number;
  readonly part: 'standing' | 'tasks' | 'agent';
}

const SETTINGS = readSettings({}, { runtime: 'embedded' });
const { inlineBytes } = SETTINGS.limits;
const { retentionMs, leaseMaximumMs, limitsCacheMs, switchesMs } = SETTINGS.times;
const GIB = 2 ** 30;
const MONTH_DAYS = MONTH_SECONDS / 86_400;
const DAY_MS = 86_400_000;
/** Expiry comes up to a day late. */
const LATE_DAYS = 1;
/** Pub/Sub bills no request below it. */
const SMALLEST_MESSAGE = 1_000;

export const wayOf = (load: Load): Way => ({
  ...load,
  largePayload: load.payloadBytes > inlineBytes,
  largeResult: load.resultBytes > inlineBytes,
});

/** Per task. Leases are renewed at two thirds of their time. */
export function operationsOfLoad(load: Load): Operations {
  const renewals = Math.max(0, Math.ceil(load.runMs / ((leaseMaximumMs * 2) / 3)) - 1);
  return operationsOf(wayOf(load), { renewals, reads: load.reads, waits: load.waits });
}

/** Everything that a month of the load is billed for. */
export function usageOf(topology: Topology, load: Load): Use[] {
  const { tasks, payloadBytes, resultBytes } = load;
  const way = wayOf(load);
  const operations = operationsOfLoad(load);
  const sizes = sizesOf(way, payloadBytes, resultBytes, topology);
  const functions = functionTimes(topology, load, operations);
  const use = (price: PriceName, quantity: number, part: Use['part'] = 'tasks'): Use => ({ price, quantity, part });

  const stored = (tasks * (sizes.document + sizes.indexes) * (retentionMs / DAY_MS + LATE_DAYS)) / MONTH_DAYS / GIB;
  // What the lifecycle has deleted is kept as an older version, and then softly deleted.
  const { buckets, bucketRecoveryDays } = topology;
  const kept = ((buckets.payloads?.deleteAfterDays ?? 0) + 2 * bucketRecoveryDays) / MONTH_DAYS / GIB;
  const objects = tasks * ((way.largePayload ? payloadBytes : 0) + (way.largeResult ? resultBytes : 0)) * kept;
  const answered = answeredBytes(load, sizes);
  const requests = Object.values(operations.requests).reduce((sum, count) => sum + count, 0) * tasks;
  const balanced = load.balancer ? frontRequests(topology, operations) * tasks : 0;
  const uploads = balanced === 0 ? 0 : tasks * (payloadBytes + (load.agent === 'codex' ? resultBytes : 0));

  return [
    ...Object.entries(functions).flatMap(([name, { time, part }]) => {
      const row = topology.functions[name] as FunctionRow;
      const quantity = (operations.requests[name] ?? 0) * tasks;
      return [
        use('requests', quantity, part),
        use('cpu', time.seconds, part),
        use('memory', (time.seconds * row.memoryMiB) / 1024, part),
        use(
          'secretReads',
          time.starts * row.roles.filter((role) => role.kind === 'secret' && role.secret !== 'ssh-keys').length,
          part,
        ),
        // All take theirs when they start, but for the keys of other machines; what callbacks are signed with is asked for again.
        use('secretReads', name === 'callbacks' ? cachedReads(quantity, time, SECRET_FRESH_MS / 1000) : 0, part),
      ];
    }),
    use('reads', tasks * operations.reads + rememberedReads(load, functions.dispatch?.time, functions['agent-light']?.time)),
    use('writes', tasks * operations.writes),
    use('deletes', tasks * operations.deletes),
    use('documents', stored),
    use('recovery', stored),
    use('backups', stored * load.backupRetentionDays),
    use('messages', tasks * messageBytes(topology, operations, sizes.messages)),
    use('objectWrites', tasks * operations.puts),
    use('objectReads', tasks * operations.gets),
    use('objects', objects),
    use('logs', ((requests + balanced) * ASSUMED.logBytes) / GIB),
    use('egress', (tasks * answered) / GIB),
    use('balancerData', load.balancer ? (tasks * answered + uploads) / GIB : 0),
    use('armorRequests', balanced),
    ...addingUpDays(topology, tasks),
    ...sealingUses(topology, tasks),
    ...standingUses(topology, load, Object.fromEntries(Object.entries(functions).map(([name, { time }]) => [name, time.seconds]))),
  ].filter(({ quantity }) => quantity !== 0);
}

/**
 * Published once, delivered to every subscription of the topic; one that filters a message out is billed for it all the same.
 *
 * Source: Google Cloud, "Filter messages from a subscription".
 */
export function messageBytes(
  { subscriptions }: Pick<Topology, 'subscriptions'>,
  { publishes }: Pick<Operations, 'publishes'>,
  bytes: Readonly<Record<string, number>>,
): number {
  return Object.entries(publishes).reduce((sum, [topic, count]) => {
    const deliveries = Object.values(subscriptions).filter((row) => row.topic === topic).length;
    return sum + count * (1 + deliveries) * Math.max(SMALLEST_MESSAGE, bytes[topic] ?? 0);
  }, 0);
}

/** The sweeper reads each task once more, a few thousand at a time. */
function addingUpDays({ functions, schedules }: Topology, tasks: number): Use[] {
  const name = Object.values(schedules)[0]?.function;
  const seconds = (tasks * ASSUMED.dayMsPerTask) / 1000;
  return [
    { price: 'reads', quantity: tasks * DAY_READS, part: 'tasks' },
    { price: 'cpu', quantity: seconds, part: 'tasks' },
    { price: 'memory', quantity: (seconds * (functions[name ?? '']?.memoryMiB ?? 0)) / 1024, part: 'tasks' },
  ];
}

/**
 * What instances read again when they have not for so many seconds, and somebody comes; of one tenant with one key. Rare requests
 * read each time, frequent ones hardly ever.
 */
export function cachedReads(requests: number, { instances }: Pick<Billed, 'instances'>, seconds: number): number {
  if (requests === 0) return 0;
  const pause = (instances * MONTH_SECONDS) / requests;
  return (instances * MONTH_SECONDS) / (seconds + pause);
}

/** A tenant's limits at each task, the caller's key at each request of a caller; what is switched off, also where tasks run. */
function rememberedReads({ tasks, reads, waits }: Load, dispatch: Billed | undefined, runs: Billed | undefined): number {
  if (dispatch === undefined) return 0;
  const seconds = limitsCacheMs / 1000;
  const keys = cachedReads(tasks * (1 + reads + waits), dispatch, seconds);
  const switches = [dispatch, ...(runs === undefined ? [] : [runs])].map((time) => cachedReads(tasks, time, switchesMs / 1000));
  return switches.reduce((sum, one) => sum + one, cachedReads(tasks, dispatch, seconds) + keys);
}

function answeredBytes({ mode, reads, waits, callback }: Load, sizes: ReturnType<typeof sizesOf>): number {
  const { headerBytes } = ASSUMED;
  const accepted = mode === 'http' ? sizes.ended : sizes.accepted;
  return accepted + headerBytes + (reads + waits) * (sizes.ended + headerBytes) + (callback ? sizes.told + headerBytes : 0);
}

function frontRequests({ functions }: Topology, { requests }: Operations): number {
  return Object.entries(requests).reduce((sum, [name, count]) => sum + (functions[name]?.access === 'front' ? count : 0), 0);
}
