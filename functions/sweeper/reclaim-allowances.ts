/** Allowances that were not filled for a while go back to their budgets. */

import { ALLOWANCE_SHARDS, ALLOWANCES, type Allowance, book } from '../core/budgets/budget.ts';
import { post } from '../core/budgets/ledger.ts';
import type { Runtime } from '../core/runtime.ts';

const AT_ONCE = 200;

/**
 * Returns how many went back. An instance that still wants its allowance finds it gone when it next spends, since spending is
 * checked in the commit that creates the task, and asks for another. One that is still spent from may be among them: spending
 * does not move its time.
 */
export async function reclaimAllowances(runtime: Runtime): Promise<number> {
  const idleSince = runtime.clock.now() - runtime.settings.times.allowanceIdleMs;
  const shards = Array.from({ length: ALLOWANCE_SHARDS }, (_, shard) => reclaimShard(runtime, shard, idleSince));
  return (await Promise.all(shards)).reduce((sum, count) => sum + count, 0);
}

async function reclaimShard(runtime: Runtime, shard: number, idleSince: number): Promise<number> {
  const orderBy = { field: 'grantedAt', direction: 'asc' } as const;
  const query = { equal: { shard }, orderBy, atMost: idleSince, limit: AT_ONCE };
  const { documents } = await runtime.documents.query(ALLOWANCES, query);
  const reclaimed = documents.map(({ id, data }) => {
    const { tenant } = data as unknown as Allowance;
    return reclaim(runtime, id, tenant, idleSince).catch((error: unknown) => {
      runtime.log.error({ err: error, allowance: id }, 'An allowance could not be reclaimed; the next sweep tries again.');
      return 0;
    });
  });
  return (await Promise.all(reclaimed)).reduce((sum, count) => sum + count, 0);
}

async function reclaim(runtime: Runtime, id: string, tenant: string, idleSince: number): Promise<number> {
  let count = 0;
  await post(runtime, tenant, async (accounts) => {
    const allowance = (await accounts.get(ALLOWANCES, id)) as unknown as Allowance | undefined;
    count = allowance === undefined || allowance.grantedAt > idleSince ? 0 : 1;
    if (allowance === undefined || count === 0) return [];
    await book(accounts, allowance.budget, allowance.freeMicros, 0);
    accounts.delete(ALLOWANCES, id);
    return [];
  });
  return count;
}
