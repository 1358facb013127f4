import assert from 'node:assert/strict';
import { join } from 'node:path';
import { systemClock } from '../../functions/adapters/clock.ts';
import { systemIds } from '../../functions/adapters/ids.ts';
import { openDatabase } from '../../functions/adapters/sqlite-database.ts';
import { sqliteDocuments } from '../../functions/adapters/sqlite-documents.ts';
import { LIMITS } from '../../functions/core/budgets/limits.ts';
import { claim } from '../../functions/core/claim.ts';
import { close } from '../../functions/core/close.ts';
import { createTask } from '../../functions/core/create.ts';
import { DAY_MS, dayOf } from '../../functions/core/days.ts';
import type { Documents } from '../../functions/core/ports.ts';
import { type Agent, agentRegistry } from '../../functions/core/registry/agents.ts';
import type { Runtime } from '../../functions/core/runtime.ts';
import { signingFrom } from '../../functions/core/signing.ts';
import { TASKS } from '../../functions/core/store.ts';
import type { EndStatus } from '../../functions/core/task.ts';
import { getCosts } from '../../functions/dispatch/costs.ts';
import { redrive } from '../../functions/dispatch/redrive.ts';
import { addUpCosts } from '../../functions/sweeper/add-up-costs.ts';
import { topology } from '../../functions/topology.ts';
import { temporaryFolder } from '../support/folder.ts';
import { quickSettings, silent } from '../support/stack.ts';

const caller = { tenant: 'acme', scopes: ['admin'], name: 'test' } as const;

describe('days that are added up', () => {
  let documents: Documents;
  let control: Documents;
  let end: () => Promise<void>;
  beforeEach(() => {
    const folder = temporaryFolder();
    const database = openDatabase({ path: join(folder.path, 'data.db') });
    documents = sqliteDocuments(database, topology, 'tasks', systemClock());
    control = sqliteDocuments(database, topology, 'control', systemClock());
    end = async () => {
      await documents.close();
      await control.close();
      await database.close();
      folder.remove();
    };
  });
  afterEach(() => end());

  /** An instance whose clock is so many days behind. */
  function daysAgo(days: number): Runtime {
    const settings = quickSettings({ runtime: 'embedded' });
    const clock = { ...systemClock(), now: () => Date.now() - days * DAY_MS };
    const messages = { publish: async () => '1', close: async () => {} };
    const parts = {
      settings,
      clock,
      messages,
      ids: systemIds(),
      log: silent,
      signing: signingFrom('test'.repeat(10)),
      agents: agentRegistry(settings),
    };
    return { ...parts, documents: { ...documents }, control } as unknown as Runtime;
  }

  async function ran(runtime: Runtime, status: EndStatus, costMicros: number, agent = 'light'): Promise<string> {
    const packet = {
      agent,
      mode: 'pubsub',
      payload: {},
      maxAttempts: 1,
      priority: 0,
      ttl: runtime.clock.now() / 1000 + 900,
    } as const;
    const row = { name: agent, priceMicros: 50_000 } as Agent;
    const { known } = await createTask(runtime, { tenant: 'acme', agent: row, packet, by: 'test' });
    await finished(runtime, known.id, status, costMicros);
    return known.id;
  }

  async function finished(runtime: Runtime, id: string, status: EndStatus, costMicros: number): Promise<void> {
    const request = { requestId: runtime.ids.random(8), quoteMicros: 50_000, timeLimitMs: 1_000 };
    const claimed = await claim(runtime, id, request);
    assert.equal(claimed.kind, 'claimed');
    if (claimed.kind === 'claimed') await close(runtime, id, { status, costMicros }, claimed.known.task.epoch);
  }

  const day = dayOf(Date.now() - 10 * DAY_MS);
  const costs = async (groupBy = 'agent') => {
    const { tasks, totalCents, costs: rows } = await getCosts(daysAgo(0), caller, { from: day, to: dayOf(Date.now()), groupBy });
    return { tasks, totalCents, rows };
  };

  async function addUp(times = 30): Promise<number> {
    let slices = 0;
    for (let n = 0; n < times; n++) slices += await addUpCosts(daysAgo(0));
    return slices;
  }

  it('keep what their tasks cost when these are gone, beside the days that are still open', async () => {
    const then = daysAgo(10);
    const ids = [
      await ran(then, 'succeeded', 20_000),
      await ran(then, 'failed', 30_000),
      await ran(then, 'succeeded', 50_000, 'codex'),
    ];
    await ran(daysAgo(1), 'succeeded', 10_000);
    const before = await costs();
    assert.equal(before.totalCents, 11);
    // The tenth day before and the ninth are closed by now.
    assert.ok((await addUp()) >= 1);
    assert.deepEqual(await costs(), before);
    await documents.commit(ids.map((id) => ({ kind: 'delete', collection: TASKS, id })));
    assert.deepEqual(await costs(), before);
    assert.deepEqual((await costs('day')).rows, [
      { day, tasks: 3, open: 0, attempts: 3, costCents: 10 },
      { day: dayOf(Date.now() - DAY_MS), tasks: 1, open: 0, attempts: 1, costCents: 1 },
    ]);
  });

  it('wait for tasks that have not ended', async () => {
    const then = daysAgo(10);
    await ran(then, 'succeeded', 20_000);
    const dead = await ran(then, 'dead', 50_000);
    await redrive(daysAgo(0), caller, dead, {});
    await addUp(1);
    assert.deepEqual(await costs(), {
      tasks: 2,
      totalCents: 7,
      rows: [{ agent: 'light', tasks: 2, open: 1, attempts: 2, costCents: 7 }],
    });
    await finished(daysAgo(0), dead, 'succeeded', 40_000);
    assert.equal((await costs()).totalCents, 11);
  });

  it('take in what a task costs that is redriven afterwards, once', async () => {
    const dead = await ran(daysAgo(10), 'dead', 50_000);
    await addUp();
    await redrive(daysAgo(0), caller, dead, {});
    await finished(daysAgo(0), dead, 'succeeded', 40_000);
    assert.deepEqual((await costs()).totalCents, 9);
    assert.equal(await addUp(), 0);
    assert.deepEqual((await costs()).totalCents, 9);
  });

  it('count the attempts of a task that is redriven afterwards as well', async () => {
    const dead = await ran(daysAgo(10), 'dead', 50_000);
    await addUp();
    await redrive(daysAgo(0), caller, dead, {});
    await finished(daysAgo(0), dead, 'succeeded', 40_000);
    assert.deepEqual(await costs(), {
      tasks: 1,
      totalCents: 9,
      rows: [{ agent: 'light', tasks: 1, open: 0, attempts: 2, costCents: 9 }],
    });
  });

  it('are added up once, also by a sweep that another has overtaken', async () => {
    await ran(daysAgo(10), 'succeeded', 20_000);
    const slow = daysAgo(0);
    const query: Documents['query'] = async (collection, asked) => {
      const found = await documents.query(collection, asked);
      if (collection === LIMITS) await addUp();
      return found;
    };
    await addUpCosts({ ...slow, documents: { ...documents, query } });
    assert.equal((await costs()).totalCents, 2);
  });
});
