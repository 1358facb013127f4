/** What sealing the audit chains uses: the sweeper reads each task once more when it has ended, and keeps its head in an object. */

import { readSettings } from '../../functions/core/settings.ts';
import { SHARDS } from '../../functions/core/store.ts';
import type { Topology } from '../../functions/topology.ts';
import { ASSUMED, MONTH_SECONDS } from './compute.ts';
import type { Use } from './usage.ts';

/** Of a task that goes straight to its end; one that waits or is tried again is sealed more often. */
export const SEAL_READS = 1;
/** Each of a round's queries ends with one that finds nothing: of the tasks' shards, and of those of everything else. */
export const ROUND_READS = 2 * SHARDS;
/** The round's beginning, and its end. */
const ROUND_WRITES = 2;
const HEADS_PER_SEAL = 2_000;
/** As `sweeper/seal-chains.ts` writes it of a task. */
const HEAD_BYTES = JSON.stringify({ task: 'f'.repeat(40), head: 'h'.repeat(43), count: 3, until: 1_790_000_000_000 }).length + 1;

const ROUNDS = (MONTH_SECONDS * 1000) / readSettings({}, { runtime: 'embedded' }).times.sealMs;
const GIB = 2 ** 30;
const MONTH_DAYS = MONTH_SECONDS / 86_400;

/** A round without a task writes no object. */
export function sealingUses({ buckets, functions, schedules }: Topology, tasks: number): Use[] {
  const seconds = (tasks * ASSUMED.sealMsPerTask) / 1000;
  const memoryGiB = (functions[schedules.sweep?.function ?? '']?.memoryMiB ?? 0) / 1024;
  const kept = (buckets.seals?.lockedDays ?? 0) / MONTH_DAYS;
  return [
    { price: 'reads', quantity: ROUNDS * ROUND_READS, part: 'standing' },
    { price: 'writes', quantity: ROUNDS * ROUND_WRITES, part: 'standing' },
    // It lists what the day has; that is billed like a writing.
    { price: 'objectWrites', quantity: ROUNDS, part: 'standing' },
    { price: 'reads', quantity: tasks * SEAL_READS, part: 'tasks' },
    { price: 'objectWrites', quantity: Math.min(tasks, ROUNDS) + tasks / HEADS_PER_SEAL, part: 'tasks' },
    { price: 'objects', quantity: (tasks * HEAD_BYTES * kept) / GIB, part: 'tasks' },
    { price: 'cpu', quantity: seconds, part: 'tasks' },
    { price: 'memory', quantity: seconds * memoryGiB, part: 'tasks' },
  ];
}
