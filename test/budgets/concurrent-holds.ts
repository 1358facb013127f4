import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { systemClock } from '../../functions/adapters/clock.ts';
import { systemIds } from '../../functions/adapters/ids.ts';
import { ALLOWANCE_SHARDS, ALLOWANCES, BUDGETS, type Budget, budgetId, freshBudget } from '../../functions/core/budgets/budget.ts';
import { LIMITS, type LimitMode, limitsId } from '../../functions/core/budgets/limits.ts';
import { close } from '../../functions/core/close.ts';
import { createTask } from '../../functions/core/create.ts';
import { dayOf } from '../../functions/core/days.ts';
import { Problem } from '../../functions/core/errors.ts';
import { followUp } from '../../functions/core/follow-ups.ts';
import type { Documents, Fields } from '../../functions/core/ports.ts';
import type { Agent } from '../../functions/core/registry/agents.ts';
import type { Runtime } from '../../functions/core/runtime.ts';
import { signingFrom } from '../../functions/core/signing.ts';
import { readTask } from '../../functions/core/store.ts';
import type { Known } from '../../functions/core/task.ts';
import { reclaimAllowances } from '../../functions/sweeper/reclaim-allowances.ts';
import { quickSettings, silent } from '../support/stack.ts';

const ASKED = 500;
const CAP = 100;
const EACH_MICROS = 50_000;
const INSTANCES = 4;

/** Many creates at once from several instances, on one store. */
export function concurrentHolds(open: () => Promise<{ documents: Documents; control: Documents; close(): Promise<void> }>): void {
  let store: Awaited<ReturnType<typeof open>>;
  before(async () => {
    store = await open();
  });
  after(() => store.close());

  /** What the rules need of an instance; nothing is published here. */
  function instances(): Runtime[] {
    const settings = quickSettings({ runtime: 'embedded', 'times.allowanceIdleMs': 1 });
    const shared = { settings, signing: signingFrom('test'.repeat(10)), clock: systemClock(), ids: systemIds(), log: silent };
    const stores = () => ({ documents: { ...store.documents }, control: { ...store.control } });
    return Array.from({ length: INSTANCES }, () => ({ ...shared, ...stores() }) as unknown as Runtime);
  }

  const day = () => dayOf(Date.now());
  const budgetOf = async (tenant: string): Promise<Budget> =>
    (await store.documents.get(BUDGETS, budgetId(tenant, 'tenant', day())))?.data as unknown as Budget;

  async function capped(mode: LimitMode): Promise<string> {
    const tenant = `t-${randomBytes(6).toString('hex')}`;
    const limit = { limitMicros: CAP * EACH_MICROS, mode, effectiveAt: 0, changedAt: 0, changedBy: 'test' };
    await store.documents.commit([
      { kind: 'create', collection: LIMITS, id: limitsId(tenant), data: { tenant, scopes: { tenant: limit } } },
      {
        kind: 'create',
        collection: BUDGETS,
        id: budgetId(tenant, 'tenant', day()),
        data: freshBudget(tenant, 'tenant', day(), limit) as unknown as Fields,
      },
    ]);
    return tenant;
  }

  async function create(runtime: Runtime, tenant: string): Promise<Known | undefined> {
    const agent = { name: 'light', priceMicros: EACH_MICROS } as Agent;
    const packet = {
      agent: 'light',
      mode: 'pubsub',
      payload: {},
      budgetCents: EACH_MICROS / 10_000,
      maxAttempts: 1,
      priority: 0,
      ttl: Date.now() / 1000 + 900,
    } as const;
    try {
      return (await createTask(runtime, { tenant, agent, packet, by: 'test' })).known;
    } catch (error) {
      if (error instanceof Problem && error.code === 'budget_exceeded') return undefined;
      throw error;
    }
  }

  async function askAll(all: readonly Runtime[], tenant: string): Promise<Known[]> {
    const asked = await Promise.all(Array.from({ length: ASKED }, (_, n) => create(all[n % INSTANCES] as Runtime, tenant)));
    return asked.filter((known) => known !== undefined);
  }

  const endAll = async (runtime: Runtime, tasks: readonly Known[]): Promise<void> => {
    await Promise.all(tasks.map(({ id }) => close(runtime, id, { status: 'cancelled' })));
    const left = (await Promise.all(tasks.map(({ id }) => readTask(runtime, id)))).filter((known) => known !== undefined);
    await Promise.all(left.map((known) => followUp(runtime, known, 'sweeper')));
  };

  for (const round of [1, 2]) {
    it(`lets exactly ${CAP} of ${ASKED} hold a budget for ${CAP} (round ${round})`, async () => {
      const all = instances();
      const tenant = await capped('plain');
      const held = await askAll(all, tenant);
      assert.equal(held.length, CAP);
      assert.deepEqual(await amounts(tenant), [CAP * EACH_MICROS, 0]);

      // Ended without a run they cost nothing: all of it is there again.
      await endAll(all[1] as Runtime, held);
      assert.deepEqual(await amounts(tenant), [0, 0]);
      assert.equal((await askAll(all, tenant)).length, CAP);
    });
  }

  it(`never lets more than ${CAP} hold a leased budget, and what came back is usable again`, async () => {
    const all = instances();
    const tenant = await capped('leased');
    const held = await askAll(all, tenant);
    assert.ok(held.length <= CAP && held.length >= CAP - INSTANCES * 5, `${held.length} of ${CAP}`);
    assert.equal((await budgetOf(tenant)).heldMicros, held.length * EACH_MICROS + (await idleMicros(tenant)));

    await endAll(all[2] as Runtime, held);
    await reclaimAll(all[3] as Runtime, tenant);
    assert.deepEqual(await amounts(tenant), [0, 0]);
    const again = await askAll(all, tenant);
    assert.ok(again.length <= CAP && again.length >= CAP - INSTANCES * 5, `${again.length} of ${CAP}`);
  });

  async function reclaimAll(runtime: Runtime, tenant: string): Promise<void> {
    await runtime.clock.sleep(5);
    for (let rounds = 0; rounds < 20 && (await idleMicros(tenant)) > 0; rounds++) await reclaimAllowances(runtime);
  }

  async function amounts(tenant: string): Promise<[number, number]> {
    const { heldMicros, spentMicros } = await budgetOf(tenant);
    return [heldMicros, spentMicros];
  }

  async function idleMicros(tenant: string): Promise<number> {
    const orderBy = { field: 'grantedAt', direction: 'asc' } as const;
    const shards = Array.from({ length: ALLOWANCE_SHARDS }, (_, shard) =>
      store.documents.query(ALLOWANCES, { equal: { shard }, orderBy, limit: 200 }),
    );
    return (await Promise.all(shards))
      .flatMap(({ documents }) => documents)
      .filter(({ data }) => data.tenant === tenant)
      .reduce((sum, { data }) => sum + (data.freeMicros as number), 0);
  }
}
