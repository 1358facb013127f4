import assert from 'node:assert/strict';
import { countingDocuments } from '../../functions/adapters/counting.ts';
import { LIMITS, newTenant } from '../../functions/core/budgets/limits.ts';
import { DAY_MS, dayOf } from '../../functions/core/days.ts';
import { SHARDS, TASKS } from '../../functions/core/store.ts';
import { toDocument } from '../../functions/core/task-document.ts';
import { sweep } from '../../functions/sweeper/sweep.ts';
import { topology } from '../../functions/topology.ts';
import { DAY_READS, operationsOf, type Way } from '../../scripts/cost/operations.ts';
import { documentBytes, indexBytes, sampleTask, sizesOf } from '../../scripts/cost/sizes.ts';
import { SWEEP_READS } from '../../scripts/cost/standing.ts';
import { type EmbeddedTestStack, embeddedStack } from '../support/stack-embedded.ts';
import { type Counted, countedTask, type Wanted } from './cost-counted.ts';

const PLAIN: Wanted = {
  ...{ mode: 'pubsub', agent: 'light', by: 'light', callback: false, budget: false, largePayload: false, largeResult: false },
  ...{ renewals: 0, reads: 0, waits: 0, runMs: 0, leaseMs: 60_000 },
};
/** Renewed after 0.6 s and 1.2 s. */
const LONG = { runMs: 1_500, renewals: 2, leaseMs: 900 };
const ALL = { callback: true, budget: true, largePayload: true, largeResult: true, reads: 1 };

const rows: [name: string, wanted: Partial<Wanted>][] = [
  ['a plain task', {}],
  ['with a callback', { callback: true }],
  ['under a budget of the day', { budget: true }],
  ['with callback and budget', { callback: true, budget: true }],
  ['that is read twice', { reads: 2 }],
  ['with everything', ALL],
];

describe('what the cost model takes for counted', function () {
  this.timeout(60_000);
  for (const mode of ['pubsub', 'http'] as const) {
    for (const by of ['light', 'remote', 'codex'] as const) {
      const agent = by === 'codex' ? 'codex' : 'light';
      for (const [name, wanted] of rows) {
        // The echo of `light` is as large as what it is given.
        it(`${name}, by ${by} in mode ${mode}`, () => agrees({ ...PLAIN, mode, by, agent, ...wanted }));
      }
    }
    it(`a large payload alone, in mode ${mode}`, () => agrees({ ...PLAIN, mode, by: 'remote', largePayload: true }));
    it(`a large result alone, in mode ${mode}`, () => agrees({ ...PLAIN, mode, by: 'remote', largeResult: true, reads: 1 }));
  }

  it('a run that outlasts its lease', () => agrees({ ...PLAIN, by: 'remote', ...LONG }));
  it('a run of a user’s agent that does', () => agrees({ ...PLAIN, mode: 'http', agent: 'codex', by: 'codex', ...LONG }));

  async function agrees(wanted: Wanted): Promise<void> {
    const counted = await countedTask(wanted);
    const { deletes, ...operations } = operationsOf(wanted, wanted);
    assert.deepEqual(counted.operations, operations);
    assert.equal(deletes, 1);
    assert.ok(counted.task.timeline.length > 0 && counted.task.status === 'succeeded');
    assert.deepEqual(counted.logged, [], 'no line of log per task');
    assertSizes(wanted, counted);
  }

  /** The model's task and messages are made up; they are as large as real ones. */
  function assertSizes(way: Way, { task, messages, view }: Counted): void {
    const { payload = {}, result = {} } = task;
    const bytes = (value: unknown) => Buffer.byteLength(JSON.stringify(value));
    const sizes = sizesOf(way, bytes(payload), bytes(result), topology);
    const near = (what: string, seen: number, modelled: number) =>
      assert.ok(Math.abs(modelled / seen - 1) < 0.1, `${what}: ${modelled} bytes in the model, ${seen} seen`);
    for (const [topic, seen] of Object.entries(messages)) near(topic, seen + 39, sizes.messages[topic] ?? 0);
    const document = toDocument(task as unknown as Record<string, unknown>);
    const row = topology.collections.tasks;
    assert.ok(row !== undefined);
    near('document', documentBytes(TASKS, 'f'.repeat(40), document), sizes.document);
    near('indexes', indexBytes(TASKS, 'f'.repeat(40), document, row), sizes.indexes);
    if (!way.largeResult) near('view', bytes(view), sizes.told);
  }

  it('a caller who waits: one read, and at most what a listener is told', async () => {
    const wanted = { ...PLAIN, by: 'remote', runMs: 300, waits: 1 } as const;
    const { operations, told } = await countedTask(wanted);
    const modelled = operationsOf(wanted, wanted);
    assert.deepEqual(operations.requests, modelled.requests);
    assert.ok(told >= 2 && operations.reads + told <= modelled.reads, `${operations.reads} and ${told} of ${modelled.reads}`);
  });
});

describe('what the cost model takes for the sweeper’s', () => {
  const DOCUMENTS = 1_600;
  const NONE: Way = { ...PLAIN };
  let stack: EmbeddedTestStack;
  beforeEach(async () => {
    stack = await embeddedStack({ 'times.sweepMs': 59_999 });
    // The first one seals the audit log, which is done once an hour.
    await readsOfSweep();
  });
  afterEach(() => stack.stop());

  async function readsOfSweep(): Promise<number> {
    const counts = { reads: 0, writes: 0, publishes: 0 };
    const runtime = stack.runtime('sweeper');
    await sweep({ ...runtime, documents: countingDocuments(runtime.documents, counts) });
    return counts.reads;
  }

  it('reads with nothing to do', async () => assert.equal(await readsOfSweep(), SWEEP_READS));

  it('reads for adding up a day, before which there was another', async () => {
    const now = Date.now();
    const closed = dayOf(now - 10 * DAY_MS);
    const created = Array.from({ length: 2 * DOCUMENTS }, (_, n) => ({
      id: n.toString(16).padStart(40, '0'),
      at: Date.parse(closed) + DAY_MS - 1 - Math.floor((n * DAY_MS) / DOCUMENTS),
    }));
    for (let n = 0; n < created.length; n += 400) {
      const writes = created.slice(n, n + 400).map(({ id, at }, index) => ({
        kind: 'create' as const,
        collection: TASKS,
        id,
        data: toDocument({ ...sampleTask(NONE), shard: index % SHARDS, createdAt: at }),
      }));
      await stack.documents.commit(writes);
    }
    const tenant = { ...newTenant('default', now - 10 * DAY_MS), openDay: closed, nextCloseAt: now - 1 };
    await stack.documents.commit([{ kind: 'create', collection: LIMITS, id: 'f'.repeat(40), data: tenant }]);
    const reads = (await readsOfSweep()) - SWEEP_READS;
    assert.ok(reads >= DOCUMENTS && reads <= DOCUMENTS * DAY_READS, `${reads} reads for ${DOCUMENTS} tasks`);
  });
});
