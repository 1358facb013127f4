/** One sweep: the shards in random order, each to a cap, within its time. Overlapping sweeps are harmless: all is under a version. */

import type { Query } from '../core/ports.ts';
import type { Runtime } from '../core/runtime.ts';
import { SHARDS, TASKS } from '../core/store.ts';
import { fromDocument } from '../core/task-document.ts';
import { addUpCosts } from './add-up-costs.ts';
import { reclaimAllowances } from './reclaim-allowances.ts';
import { resumeBackups } from './resume-backups.ts';
import { sealChains } from './seal-chains.ts';
import { wake } from './wake.ts';

const PAGE = 100;
const CAP_PER_SHARD = 1_000;
/** As many as share a commit of a budget. */
const AT_ONCE = 100;

/** What a sweep did, by kind, and how many tasks could not be handled now. */
export interface Swept {
  readonly [kind: string]: number;
}

export async function sweep(runtime: Runtime): Promise<Swept> {
  const until = runtime.clock.now() + runtime.settings.times.sweepRunMs;
  const counts: Record<string, number> = {};
  // First, within its share of the time: else a long backlog would leave all of its decisions unsealed.
  const sealed = await sealChains(runtime);
  for (const shard of shuffled(runtime)) {
    if (runtime.clock.now() >= until) break;
    await sweepShard(runtime, shard, until, counts);
  }
  const [reclaimed, added] = [await reclaimAllowances(runtime), await addUpCosts(runtime)];
  const resumed = await resumeBackups(runtime);
  return {
    ...counts,
    ...(reclaimed > 0 ? { allowances_reclaimed: reclaimed } : {}),
    ...(resumed > 0 ? { backups_resumed: resumed } : {}),
    ...(added > 0 ? { costs_added_up: added } : {}),
    ...(sealed > 0 ? { chains_sealed: sealed } : {}),
  };
}

async function sweepShard(runtime: Runtime, shard: number, until: number, counts: Record<string, number>): Promise<void> {
  let after: Query['after'];
  for (let seen = 0; seen < CAP_PER_SHARD && runtime.clock.now() < until; seen += PAGE) {
    const orderBy = { field: 'wakeAt', direction: 'asc' } as const;
    const { documents, at } = await runtime.documents.query(TASKS, {
      equal: { shard },
      orderBy,
      atMost: runtime.clock.now(),
      after,
      limit: PAGE,
    });
    for (let index = 0; index < documents.length; index += AT_ONCE) {
      const batch = documents.slice(index, index + AT_ONCE);
      await Promise.all(
        batch.map(async ({ id, version, data }) => {
          const kind = await wake(runtime, { id, version, task: fromDocument(data) }, at).catch((error: unknown) => {
            runtime.log.error({ err: error, taskId: id }, 'A task could not be swept; the next sweep tries again.');
            return 'errors';
          });
          counts[kind] = (counts[kind] ?? 0) + 1;
        }),
      );
    }
    const last = documents.at(-1);
    if (last === undefined || documents.length < PAGE) return;
    after = { value: last.data.wakeAt as number, id: last.id };
  }
}

function shuffled({ ids }: Pick<Runtime, 'ids'>): number[] {
  const shards = Array.from({ length: SHARDS }, (_, shard) => shard);
  for (let index = SHARDS - 1; index > 0; index--) {
    const other = ids.below(index + 1);
    [shards[index], shards[other]] = [shards[other] as number, shards[index] as number];
  }
  return shards;
}
