import assert from 'node:assert/strict';
import fc from 'fast-check';
import { type FunctionRow, type SubscriptionRow, type Topology, topology } from '../../functions/topology.ts';
import { EXAMPLE_SETTINGS } from '../../infra/settings-file.ts';
import { billOf } from '../../scripts/cost/bill.ts';
import { ASSUMED, billed } from '../../scripts/cost/compute.ts';
import { idleRows } from '../../scripts/cost/idle.ts';
import { readOptions } from '../../scripts/cost/options.ts';
import { PEERS, type PeerLoad } from '../../scripts/cost/peers.ts';
import { dollarsPerUnit, PRICES, type PriceName } from '../../scripts/cost/prices.ts';
import { ROUND_READS } from '../../scripts/cost/sealing.ts';
import { documentBytes, indexBytes } from '../../scripts/cost/sizes.ts';
import { runsPerMonth } from '../../scripts/cost/standing.ts';
import { cachedReads, type Load, messageBytes } from '../../scripts/cost/usage.ts';
import { at, synthesized } from '../infra/synthesized.ts';

const loadOf = (...flags: string[]): Load => readOptions(flags, topology).load;
const lineOf = (load: Load, price: PriceName, of: Topology = topology) =>
  billOf(of, load).lines.find((line) => line.price === price) ?? { quantity: 0, list: 0, afterFree: 0 };
const close = (seen: number, expected: number, within = 0.005) =>
  assert.ok(Math.abs(seen - expected) <= within, `${seen} instead of ${expected}`);

describe('the cost model, by hand', () => {
  const million = loadOf('--reads=0');

  it('three writes and a deletion a task', () => {
    close(lineOf(million, 'writes').list, 2.7);
    close(lineOf(million, 'deletes').list, 0.1);
  });

  it('three requests a task, one each minute and one each hour, two million of them free', () => {
    const { quantity, list, afterFree } = lineOf(million, 'requests');
    assert.equal(quantity, 3_044_530);
    close(list, 1.217812, 1e-9);
    close(afterFree, 0.417812, 1e-9);
  });

  it('two more writes and a request for a callback, and no more than those', () => {
    const called = loadOf('--reads=0', '--callback');
    // And of the audit chains' sealing two an hour.
    assert.equal(lineOf(called, 'writes').quantity, 5_000_000 + 2 * 730);
    assert.equal(lineOf(called, 'requests').quantity, 4_044_530);
  });

  it('a small message for a thousand bytes, published once and delivered to each subscription', () => {
    assert.equal(messageBytes(topology, { publishes: { tasks: 1 } }, { tasks: 300 }), 3_000);
    assert.equal(messageBytes(topology, { publishes: { results: 2 } }, { results: 5_000 }), 20_000);
  });

  it('instance time: a lone request with its start; a second each, a million times, overlapping', () => {
    close(billed([{ requests: 1, ms: 30 }], 80).seconds, 0.1 + 0.99983, 1e-4);
    // 0.380518 in flight on average, so that nobody is there in e^-0.380518 of the time; 2,920 starts.
    close(billed([{ requests: 1e6, ms: 1_000 }], 40).seconds, 831_742 + 2_920, 1);
    // A thousand in flight on 40 × 0.6 each.
    close(billed([{ requests: 2_628_000_000, ms: 1_000 }], 40).instances, 41.667, 0.001);
    // Five milliseconds of processor, a thousand times a second, at 60 %.
    close(billed([{ requests: 2_628_000_000, ms: 1 }], 1_000).instances, 8.333, 0.001);
  });

  it('what is remembered for ten seconds: read each time at first, then as often as it runs out', () => {
    close(cachedReads(1, { instances: 1 }, 10), 1, 1e-4);
    // One a second: each reading is used for ten seconds, and one more until somebody comes.
    close(cachedReads(2_628_000, { instances: 1 }, 10), 2_628_000 / 11, 1e-6);
    // Limits, key and switches, these at the agent too; the day's sum; the seal of its chain; and a read by the caller with the key
    // again.
    close(lineOf(loadOf('--tasks=1'), 'reads').quantity - lineOf(loadOf('--tasks=0'), 'reads').quantity, 3 + 1 + 1.2 + 1 + 2, 1e-4);
  });

  it('the size of Firestore’s own example, and of an entry in an index', () => {
    const fields = { type: 'Personal', done: false, priority: 1, description: 'Learn Cloud Firestore' };
    assert.equal(documentBytes('tasks', 'my_task_id', fields), 33 + 71 + 32);
    const row = { database: 'tasks', unindexed: ['type', 'done', 'description'], indexes: [] } as const;
    // Its own name, that of its parent, the field's name and value, and 32, in both directions.
    assert.equal(indexBytes('tasks', 'my_task_id', fields, row), 2 * (33 + 16 + 9 + 8 + 32));
    const index = [{ field: 'priority', order: 'asc' }] as const;
    assert.equal(
      indexBytes('tasks', 'my_task_id', fields, { ...row, unindexed: Object.keys(fields), indexes: [index] }),
      33 + 16 + 8 + 32,
    );
  });

  it('a large payload goes to Cloud Storage, for its 45 days and the two weeks of recovery', () => {
    const large = loadOf('--tasks=1024', '--payload-kib=1024', '--reads=0');
    // The seals are listed and written once an hour, and one more for each two thousand tasks.
    close(lineOf(large, 'objectWrites').quantity, 1_024 + 2 * 730 + 0.512, 1e-9);
    assert.equal(lineOf(large, 'objectReads').quantity, 1_024);
    close(lineOf(large, 'objects').quantity, (45 + 14) / (730 / 24), 0.002);
  });

  it('a warm instance for what is left of the month, a sweep each minute', () => {
    const warm = lineOf(loadOf('--tasks=0', '--minimum-instances=dispatch=2'), 'idleCpu');
    assert.equal(warm.quantity, 2 * 730 * 3600);
    close(warm.list, 13.14);
    assert.equal(runsPerMonth('* * * * *'), 43_800);
    close(runsPerMonth('0 3 * * *'), 730 / 24, 1e-9);
  });

  it('Cloud Run’s second tier and a multi-region where there is one', () => {
    assert.equal(dollarsPerUnit('cpu', { region: 'europe-west3', databaseLocation: 'eur3' }), 0.0000336);
    assert.equal(dollarsPerUnit('writes', { region: 'europe-west3', databaseLocation: 'eur3' }) * 1e5, 0.18);
    assert.equal(dollarsPerUnit('cpu', { region: 'europe-west1', databaseLocation: 'europe-west1' }), 0.000024);
  });

  it('free amounts of Cloud Storage only where there are any', () => {
    const load = ['--tasks=1000', '--payload-kib=512'];
    assert.equal(lineOf(loadOf(...load), 'objects').afterFree, 0);
    const elsewhere = lineOf(loadOf(...load, '--region=europe-west1'), 'objects');
    assert.ok(elsewhere.list > 0 && elsewhere.afterFree === elsewhere.list);
  });

  it('what others ask', () => {
    const asked = (load: Partial<PeerLoad>) =>
      PEERS.map(({ amount }) => amount({ tasks: 1e6, runMs: 1_000, callback: false, ...load }).list);
    assert.deepEqual(asked({}).map(Math.round), [50, 110, 20]);
    assert.deepEqual(asked({ callback: true }).map(Math.round), [75, 165, 45]);
    // 197.5 million above what is included: 250 + 225 + 400 + 1,050 + 1,500 + 97.5 × 25, and a tenth.
    close(asked({ tasks: 1e8 })[1] ?? 0, 5_862.5 * 1.1);
    // Ten minutes are twelve heartbeats, the last one left to the end.
    close(asked({ runMs: 600_000, tasks: 1e4 })[1] ?? 0, (14 * 50 * 1.1) / 100);
  });

  it('a price, a date and a source in every row', () => {
    for (const [name, price] of Object.entries(PRICES)) {
      assert.ok(price.dollars > 0 && price.per > 0, name);
      assert.match(price.source, /^https:\/\/[^ ]+$/, name);
      assert.match(price.read, /^(20\d\d|undated|recalled)/, name);
    }
  });
});

describe('the cost model, whatever the load', () => {
  const loads = fc.record({
    tasks: fc.integer({ min: 0, max: 1e9 }),
    // On one side of the claim check: beyond it a payload lies in Cloud Storage, where it costs less.
    payloadBytes: fc.integer({ min: 2, max: 262_144 }),
    resultBytes: fc.integer({ min: 2, max: 262_144 }),
    runMs: fc.integer({ min: 0, max: 540_000 }),
    mode: fc.constantFrom('pubsub', 'http'),
    agent: fc.constantFrom('light', 'codex'),
    callback: fc.boolean(),
    budget: fc.boolean(),
    reads: fc.integer({ min: 0, max: 10 }),
    waits: fc.integer({ min: 0, max: 3 }),
    alerts: fc.boolean(),
    balancer: fc.boolean(),
    backupRetentionDays: fc.integer({ min: 1, max: 98 }),
    minimumInstances: fc.constantFrom<Record<string, number>>({}, { dispatch: 1, results: 2 }),
  });
  const place = { region: 'us-central1', databaseLocation: 'us-central1' };

  it('is never less for more of anything, and never more after what is free', () => {
    const numbers = ['tasks', 'payloadBytes', 'resultBytes', 'runMs', 'reads', 'waits', 'backupRetentionDays'] as const;
    const flags = ['callback', 'budget', 'alerts', 'balancer'] as const;
    fc.assert(
      fc.property(
        loads,
        fc.constantFrom(...numbers, ...flags),
        fc.double({ min: 1, max: 3, noNaN: true }),
        (load, field, factor) => {
          const less: Load = { ...load, place } as Load;
          const value = load[field];
          const grown = typeof value === 'boolean' ? true : Math.floor(value * factor) + 1;
          const more = { ...less, [field]: field.endsWith('Bytes') ? Math.min(262_144, Number(grown)) : grown };
          const [before, after] = [billOf(topology, less).total, billOf(topology, more).total];
          assert.ok(after.list >= before.list - 1e-9, `${field}: ${before.list} and ${after.list}`);
          // Of a minimum instance, time with requests may be free, and idle time is not.
          if (Object.keys(load.minimumInstances).length === 0)
            assert.ok(
              after.afterFree >= before.afterFree - 1e-9,
              `${field}: ${before.afterFree} and ${after.afterFree} after free`,
            );
          assert.ok(before.afterFree <= before.list && before.afterFree >= 0);
        },
      ),
      { numRuns: 200 },
    );
  });

  it('adds up: services, lines, and what stands there without tasks', () => {
    fc.assert(
      fc.property(loads, (load) => {
        const { lines, services, total, standing, withoutAgent } = billOf(topology, { ...load, place } as Load);
        const sum = (amounts: readonly { list: number }[]) => amounts.reduce((so, { list }) => so + list, 0);
        close(sum(lines), total.list, total.list * 1e-9);
        close(sum(Object.values(services)), total.list, total.list * 1e-9);
        assert.ok(standing.list <= total.list + 1e-9 && withoutAgent.list <= total.list + 1e-9);
      }),
    );
  });
});

describe('the cost model and the topology', () => {
  const load = loadOf();
  const withFunction = (name: string, change: Partial<FunctionRow>): Topology => ({
    ...topology,
    functions: { ...topology.functions, [name]: { ...(topology.functions[name] as FunctionRow), ...change } },
  });

  it('more memory costs more', () =>
    close(
      lineOf(load, 'memory', withFunction('results', { memoryMiB: 1024 })).quantity - lineOf(load, 'memory').quantity,
      billed([{ requests: 1e6, ms: 100 }], 80).seconds / 2,
      1,
    ));

  it('another subscription of the tasks is another delivery of each', () => {
    const row = topology.subscriptions['sub-codex'] as SubscriptionRow;
    const changed = { ...topology, subscriptions: { ...topology.subscriptions, 'sub-other': row } };
    const [before, after] = [lineOf(load, 'messages').quantity, lineOf(load, 'messages', changed).quantity];
    assert.ok(after - before > 4_096 * 1e6 && after < before * 2);
    const told = loadOf('--alerts');
    assert.ok(lineOf(told, 'alertPoints', changed).quantity > lineOf(told, 'alertPoints').quantity);
  });

  it('a rarer sweep costs less', () => {
    const sweep = { cron: '*/5 * * * *', function: 'sweeper', path: '/sweep', silentSeconds: 300 };
    const changed = { ...topology, schedules: { sweep } };
    const idle = loadOf('--tasks=0');
    const sealing = 730 * ROUND_READS;
    close(lineOf(idle, 'reads', changed).quantity - sealing, (lineOf(idle, 'reads').quantity - sealing) / 5, 1e-6);
  });

  it('fewer indexes take less room', () => {
    const tasks = topology.collections.tasks;
    assert.ok(tasks !== undefined);
    const changed = { ...topology, collections: { ...topology.collections, tasks: { ...tasks, indexes: [] } } };
    assert.ok(lineOf(load, 'documents', changed).quantity < lineOf(load, 'documents').quantity);
  });

  it('a way through a function that is not there is refused', () => {
    const { results: _, ...functions } = topology.functions;
    assert.throws(() => billOf({ ...topology, functions }, load), /results, which the topology does not have/);
  });

  it('the stack is as the model has it: images, recovery, rules, alerts, processors', () => {
    const changed = { ...topology, bucketRecoveryDays: 3 };
    const stack = synthesized(
      { publicFunctions: 'all', alertEmails: ['operations@example.com'], balancer: { domain: 'agents.example.com' } },
      changed,
    );
    const [bucket] = Object.values(stack.all('google_storage_bucket'));
    const ages = at<{ condition: { days_since_noncurrent_time?: number } }[]>(bucket, 'lifecycle_rule');
    const noncurrent = ages.find(({ condition }) => condition.days_since_noncurrent_time)?.condition.days_since_noncurrent_time;
    const softly = at<number>(bucket, 'soft_delete_policy', 'retention_duration_seconds') / 86_400;
    assert.deepEqual([noncurrent, softly], [3, 3]);
    const large = loadOf('--tasks=1024', '--payload-kib=1024');
    close(lineOf(large, 'objects', changed).quantity, (45 + 3 + 3) / (730 / 24), 0.002);
    const [images] = Object.values(stack.all('google_artifact_registry_repository'));
    const policies = at<{ most_recent_versions?: { keep_count: number } }[]>(images, 'cleanup_policies');
    const kept = policies.find((one) => one.most_recent_versions)?.most_recent_versions?.keep_count ?? 0;
    const count = Object.keys(topology.functions).length;
    close(lineOf(load, 'images').quantity, ASSUMED.sharedImageGiB + count * kept * ASSUMED.imageGiB, 1e-9);
    const [policy] = Object.values(stack.all('google_compute_security_policy'));
    assert.equal(at<unknown[]>(policy, 'rule').length, lineOf(loadOf('--balancer'), 'armorRules').quantity);
    const alerts = JSON.stringify(stack.all('google_monitoring_alert_policy'));
    assert.equal(alerts.match(/"(denominator_)?filter":/g)?.length, lineOf(loadOf('--alerts'), 'alertMetrics').quantity);
    // A series for each name that a filter lists, looked at every half minute.
    const listed = [...alerts.matchAll(/one_of\(([^)]*)\)/g)].flatMap(([, names = '']) => names.split(','));
    assert.equal(listed.length * 730 * 120, lineOf(loadOf('--alerts'), 'alertPoints').quantity);
    for (const deployed of Object.values(stack.all('google_cloudfunctions2_function')))
      assert.equal(at(deployed, 'service_config', 'available_cpu'), '1');
  });

  it('stands there as the settings have it', () => {
    const rows = idleRows(topology, load, EXAMPLE_SETTINGS);
    const [zero, alerts, warm, balanced, dev, prod] = rows.map(({ list }) => list);
    assert.equal(rows.length, 6);
    assert.ok((alerts ?? 0) > (zero ?? 0));
    assert.equal(zero, dev);
    close((warm ?? 0) - (zero ?? 0), 730 * 3600 * 1.5 * 0.0000025);
    close((balanced ?? 0) - (zero ?? 0), 730 * 0.025 + 5 + 2);
    assert.ok((prod ?? 0) > (balanced ?? 0));
  });
});
