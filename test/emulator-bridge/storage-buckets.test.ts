import assert from 'node:assert/strict';
import { applyLifecycle } from '../../emulator-bridge/storage/lifecycle.ts';
import { makeTopologyBuckets } from '../../emulator-bridge/storage/topology-buckets.ts';
import { topology } from '../../functions/topology.ts';
import { refusal, type StorageKit, storageKit } from './storage-kit.ts';

const DAY_MS = 86_400_000;

describe('storage server: buckets, through the real client', () => {
  let kit: StorageKit;
  beforeEach(async () => {
    kit = await storageKit();
  });
  afterEach(() => kit.close());

  async function texts(name: string, versions = true): Promise<string[]> {
    const [files] = await kit.storage.bucket(name).getFiles({ versions });
    return Promise.all(files.map(async (file) => `${file.name}${(await file.download())[0]}`));
  }

  it('makes, shows, lists, changes and deletes them', async () => {
    const bucket = await kit.bucket('bucket-1', { labels: { a: '1' } });
    assert.equal(await refusal(kit.bucket('bucket-1')), 409);
    for (const name of ['Bad', 'a', '-a-', 'a/b', 'x'.repeat(64)]) assert.equal(await refusal(kit.bucket(name)), 400);
    await kit.bucket('bucket-2');
    await kit.bucket('other');
    assert.deepEqual(await bucket.exists(), [true]);
    assert.deepEqual(await kit.storage.bucket('bucket-3').exists(), [false]);
    const named = { prefix: 'bucket-', autoPaginate: false };
    for (const [maxResults, first] of [
      [10, ['bucket-1', 'bucket-2']],
      [1, ['bucket-1']],
    ] as const) {
      const [page, next] = await kit.storage.getBuckets({ ...named, maxResults });
      const [rest] = next ? await kit.storage.getBuckets(next) : [[]];
      assert.deepEqual(
        page.map(({ name }) => name),
        first,
      );
      assert.deepEqual(
        [...page, ...rest].map(({ name }) => name),
        ['bucket-1', 'bucket-2'],
      );
    }
    await bucket.setMetadata({ versioning: { enabled: true }, labels: { b: '2' } });
    const [metadata] = await bucket.getMetadata();
    assert.deepEqual([metadata.versioning, metadata.labels], [{ enabled: true }, { a: '1', b: '2' }]);
    assert.equal(metadata.metageneration, '2');
    assert.equal(await refusal(bucket.setMetadata({ labels: {} }, { ifMetagenerationMatch: 1 })), 412);
    await bucket.setMetadata({ name: 'bucket-2', location: 'EU', timeCreated: '2000-01-01T00:00:00.000Z' });
    const [same] = await bucket.getMetadata();
    assert.deepEqual([same.name, same.location, same.timeCreated], ['bucket-1', 'US', metadata.timeCreated], 'not to be set');
    assert.ok(Math.abs(Date.parse(String(same.timeCreated)) - Date.now()) < 60_000);
    await bucket.file('x').save('x', { resumable: false });
    assert.equal(await refusal(bucket.delete()), 409);
    await bucket.deleteFiles({ versions: true });
    await bucket.delete();
    assert.equal(await refusal(bucket.getMetadata()), 404);
    assert.equal(await refusal(bucket.file('x').save('x', { resumable: false })), 404);
    assert.equal(await refusal(bucket.file('x').save('x', { resumable: true })), 404);
  });

  it('keeps replaced and deleted versions where the bucket says so, and only there', async () => {
    const kept = await kit.bucket('kept', { versioning: { enabled: true } });
    const plain = await kit.bucket('plain');
    for (const bucket of [kept, plain]) {
      for (const text of ['1', '2']) await bucket.file('x').save(text, { resumable: false });
      await bucket.file('x').delete();
      assert.equal(await refusal(bucket.file('x').download()), 404);
    }
    assert.deepEqual(await texts('plain'), []);
    assert.deepEqual(await texts('kept'), ['x1', 'x2']);
    const [[first, second]] = await kept.getFiles({ versions: true });
    assert.ok(first !== undefined && second !== undefined);
    assert.ok(Date.parse(String(second.metadata.timeDeleted)) >= Date.parse(String(second.metadata.timeCreated)));
    // Back again, as a new version.
    await first.copy(kept.file('x'), { preconditionOpts: { ifGenerationMatch: 0 } });
    assert.deepEqual(await texts('kept'), ['x1', 'x2', 'x1']);
    assert.equal((await kept.file('x').getMetadata())[0].timeDeleted, undefined);
    await second.delete();
    assert.deepEqual(await texts('kept'), ['x1', 'x1']);
    assert.deepEqual(await texts('kept', false), ['x1']);
  });

  it('guards what a retention holds', async () => {
    const bucket = await kit.bucket('held', { retentionPolicy: { retentionPeriod: 3600 } });
    await bucket.file('x').save('x', { resumable: false });
    for (const attempt of [
      () => bucket.file('x').delete(),
      () => bucket.file('x').save('y', { resumable: false }),
      () => bucket.file('x').save('y', { resumable: true }),
      () => bucket.file('x').copy('x'),
    ]) {
      assert.equal(await refusal(attempt()), 403);
    }
    assert.deepEqual(await texts('held'), ['xx']);
    const [{ metageneration = '' }] = await bucket.getMetadata();
    assert.equal(await refusal((await kit.bucket('free')).lock('1')), 400);
    assert.equal(await refusal(bucket.setRetentionPeriod(0)), 400);
    await bucket.lock(metageneration);
    assert.equal(await refusal(bucket.removeRetentionPeriod()), 403);
    assert.equal(await refusal(bucket.setRetentionPeriod(3599)), 403);
    await bucket.setRetentionPeriod(3601);
    assert.deepEqual((await bucket.getMetadata())[0].retentionPolicy?.isLocked, true);
  });

  it('deletes what its lifecycle rules say is over, and nothing for a condition that it does not know', async () => {
    const rule = (condition: object) => ({ action: { type: 'Delete' }, condition });
    const bucket = await kit.bucket('short', {
      versioning: { enabled: true },
      lifecycle: {
        rule: [
          rule({ age: 10, isLive: true }),
          rule({ daysSinceNoncurrentTime: 5 }),
          rule({}),
          rule({ age: 0, matchesPrefix: ['x'] }),
          { action: { type: 'SetStorageClass', storageClass: 'COLDLINE' }, condition: { age: 0 } },
        ],
      },
    });
    for (const text of ['1', '2']) await bucket.file('x').save(text, { resumable: false });
    const now = Date.now();
    assert.equal(await applyLifecycle(kit.server.site, now + 4.9 * DAY_MS), 0);
    assert.equal(await applyLifecycle(kit.server.site, now + 5.1 * DAY_MS), 1);
    assert.deepEqual(await texts('short'), ['x2']);
    assert.equal(await applyLifecycle(kit.server.site, now + 10.1 * DAY_MS), 1);
    assert.deepEqual(await texts('short', false), []);
    assert.deepEqual(await texts('short'), ['x2']);
  });

  it("makes the topology's buckets, by their rows", async () => {
    const make = (from: typeof topology) => makeTopologyBuckets(kit.server.site, { project: 'p-1' }, from);
    await make(topology);
    const [buckets] = await kit.storage.getBuckets();
    assert.deepEqual(
      buckets.map(({ name }) => name),
      Object.keys(topology.buckets)
        .map((name) => `p-1-heliograph-${name}`)
        .toSorted(),
    );
    // What nobody can replace or delete has no versions.
    const versioned = buckets.flatMap(({ name, metadata }) => (metadata.versioning?.enabled ? [name] : []));
    const replaceable = Object.entries(topology.buckets).filter(([, { lockedDays }]) => lockedDays === undefined);
    assert.deepEqual(versioned, replaceable.map(([name]) => `p-1-heliograph-${name}`).toSorted());
    const payloads = kit.storage.bucket('p-1-heliograph-payloads');
    await payloads.file('x').save('x', { resumable: false });

    const rows = { ...topology.buckets, payloads: { deleteAfterDays: 3 }, sealed: { lockedDays: 2 } };
    await make({ ...topology, buckets: rows, bucketRecoveryDays: 9 });
    const [changed] = await payloads.getMetadata();
    assert.deepEqual(
      changed.lifecycle?.rule?.map(({ condition }) => condition),
      [
        { daysSinceNoncurrentTime: 9, isLive: false },
        { age: 3, isLive: true },
      ],
    );
    assert.equal(String((await payloads.file('x').download())[0]), 'x');
    const sealed = kit.storage.bucket('p-1-heliograph-sealed');
    await sealed.file('seal').save('seal', { resumable: false });
    assert.equal(await refusal(sealed.file('seal').delete()), 403);
    assert.equal((await sealed.getMetadata())[0].retentionPolicy?.isLocked, true);
  });
});
