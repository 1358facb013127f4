import assert from 'node:assert/strict';
import { systemClock } from '../../../functions/adapters/clock.ts';
import { systemIds } from '../../../functions/adapters/ids.ts';
import { backupIds, manifestObject, newBackupId, readManifest } from '../../../functions/core/backups/manifest.ts';
import { notKept } from '../../../functions/core/backups/retention.ts';
import { expireBackups, sweepBackups } from '../../../functions/core/backups/sweep.ts';
import { takeBackup } from '../../../functions/core/backups/take.ts';
import { verifyBackup } from '../../../functions/core/backups/verify.ts';
import { signingFrom } from '../../../functions/core/signing.ts';
import { memoryObjects, memoryTree } from './memory-parts.ts';
import { raceSweeps } from './sweep-races.ts';

const HOUR_MS = 3_600_000;

describe('retention', () => {
  const id = (time: string) => `backup_${time}_aaaaaaaaaaaa`;
  const times = [
    '20260101_100000',
    '20260101_120000',
    '20260103_000000',
    '20260104_235959',
    '20260105_000000',
    '20260112_080000',
  ].map(id);

  it('knows the newer one of two in the same second', () => {
    const at = (ms: number) => newBackupId({ clock: { ...systemClock(), now: () => Date.UTC(2026, 0, 1) + ms }, ids: systemIds() });
    const ids = [0, 1, 15, 16, 255, 256, 999, 1_000].map(at);
    assert.deepEqual(ids.toSorted(), ids);
    assert.deepEqual(notKept(ids.toReversed(), { last: 1, daily: 0, weekly: 0 }), ids.slice(0, -1));
  });

  for (const [name, policy, kept] of [
    ['the newest ones', { last: 2, daily: 0, weekly: 0 }, [4, 5]],
    ['always the newest one', { last: 0, daily: 0, weekly: 0 }, [5]],
    ['the newest of each day that has one', { last: 1, daily: 4, weekly: 0 }, [2, 3, 4, 5]],
    ['the newest of each week, which begins on Monday', { last: 1, daily: 0, weekly: 3 }, [3, 4, 5]],
    ['what one reason keeps', { last: 2, daily: 6, weekly: 9 }, [1, 2, 3, 4, 5]],
    ['all', { last: 100, daily: 0, weekly: 0 }, [0, 1, 2, 3, 4, 5]],
  ] as const) {
    it(`keeps ${name}`, () => {
      const removed = notKept(times.toReversed(), policy);
      assert.deepEqual(
        removed,
        times.filter((_, index) => !kept.includes(index as never)),
      );
    });
  }
});

describe('the sweep', () => {
  function world() {
    let now = Date.UTC(2026, 0, 1);
    const clock = { now: () => now, sleep: async () => {}, after: () => () => {} };
    const parts = {
      objects: memoryObjects(clock),
      clock,
      ids: systemIds(),
      signing: signingFrom('a key that is long enough for these tests'),
    };
    const tree = memoryTree();
    const take = async () => {
      now += 1_000;
      const backupId = newBackupId(parts);
      await takeBackup(parts, tree, { projectId: 'p', backupId, description: '' });
      return backupId;
    };
    const count = (kind: string) => [...parts.objects.all.keys()].filter((name) => name.startsWith(`${kind}/`)).length;
    const pass = (hours: number) => {
      now += hours * HOUR_MS;
    };
    return { parts, tree, take, count, pass };
  }
  const policy = { last: 1, daily: 0, weekly: 0 };

  it('removes what was given up, once it is long ago, and nothing that another backup names', async () => {
    const { parts, tree, take, count, pass } = world();
    tree.set('a', 'shared');
    const first = await take();
    tree.set('b', 'own');
    const second = await take();
    tree.set('b', 'other');
    const third = await take();
    assert.equal(count('blobs'), 3);
    assert.deepEqual(await expireBackups(parts, 'p', policy), [first, second]);
    assert.deepEqual(await expireBackups(parts, 'p', policy), []);
    assert.deepEqual(await sweepBackups(parts), { manifests: 0, blobs: 0, drafts: 0, unreadable: [] });
    await readManifest(parts, 'p', first);
    pass(27);
    assert.deepEqual(await sweepBackups(parts), { manifests: 2, blobs: 1, drafts: 0, unreadable: [] });
    await assert.rejects(readManifest(parts, 'p', first), { code: 'backup_not_found' });
    assert.deepEqual((await verifyBackup(parts, { projectId: 'p', backupId: third })).corrupt, []);
    assert.deepEqual([count('expired'), count('manifests'), count('blobs')], [0, 1, 2]);
  });

  it('removes nothing by a mark that somebody else has put into the bucket, and names it', async () => {
    const { parts, tree, take, count, pass } = world();
    tree.set('a', 'one');
    const [first, second] = [await take(), await take()];
    await expireBackups(parts, 'p', policy);
    const real = await parts.objects.get('backups', `expired/p/${first}`);
    await parts.objects.put('backups', `expired/p/${second}`, Buffer.of());
    await parts.objects.put('backups', `expired/q/${second}`, real ?? assert.fail());
    pass(27);
    const unreadable = [`expired/p/${second}`, `expired/q/${second}`];
    assert.deepEqual(await sweepBackups(parts), { manifests: 1, blobs: 0, drafts: 0, unreadable });
    assert.deepEqual((await verifyBackup(parts, { projectId: 'p', backupId: second })).corrupt, []);
    assert.deepEqual([count('manifests'), count('blobs')], [1, 1]);
  });

  it('removes what a backup left that never ended', async () => {
    const { parts, tree, take, count, pass } = world();
    for (const name of ['a', 'b', 'c']) tree.set(name, name.repeat(100));
    const backupId = newBackupId(parts);
    await takeBackup(parts, tree, { projectId: 'p', backupId, description: '', until: 0 });
    assert.deepEqual([count('drafts'), count('blobs')], [1, 1]);
    pass(13);
    await assert.rejects(takeBackup(parts, tree, { projectId: 'p', backupId, description: '' }), { code: 'backup_too_slow' });
    pass(14);
    assert.deepEqual(await sweepBackups(parts), { manifests: 0, blobs: 1, drafts: 1, unreadable: [] });
    await take();
    assert.deepEqual([count('drafts'), count('blobs')], [0, 1]);
  });

  it('is not raced by a backup that was written after its time: that one is none, and goes', async () => {
    const { parts, tree, take, count, pass } = world();
    tree.set('a', 'the same');
    const late = await take();
    // As if the process had stood still in the middle of its last call: a sweep may have removed the blobs meanwhile.
    const name = manifestObject('p', late);
    const manifest = parts.objects.all.get(name)?.bytes as Buffer;
    parts.objects.all.clear();
    pass(14);
    await parts.objects.put('backups', name, manifest);
    assert.deepEqual(await backupIds(parts, 'p'), []);
    const backupId = await take();
    assert.equal(count('blobs'), 1);
    assert.deepEqual((await verifyBackup(parts, { projectId: 'p', backupId })).corrupt, []);
    await assert.rejects(takeBackup(parts, tree, { projectId: 'p', backupId: late, description: '' }), { code: 'backup_too_slow' });
    assert.equal(count('manifests'), 1);
    await parts.objects.put('backups', name, manifest);
    assert.equal((await sweepBackups(parts)).manifests, 0);
    pass(27);
    assert.equal((await sweepBackups(parts)).manifests, 1);
    assert.deepEqual(await backupIds(parts, 'p'), [backupId]);
  });

  it('may remove what a worker that stood still is about to read: to that one it came too late', async () => {
    const { parts, tree, take, pass } = world();
    const backupId = await take();
    await take();
    const objects = {
      ...parts.objects,
      async list(...given: Parameters<typeof parts.objects.list>) {
        const page = await parts.objects.list(...given);
        if (given[1] === manifestObject('p', backupId)) {
          await expireBackups(parts, 'p', policy);
          pass(27);
          await sweepBackups(parts);
        }
        return page;
      },
    };
    const again = takeBackup({ ...parts, objects }, tree, { projectId: 'p', backupId, description: '' });
    await assert.rejects(again, { code: 'backup_too_slow', status: 409 });
  });

  it('may remove what is old though a new backup has the same content', async () => {
    const { parts, tree, take, count, pass } = world();
    tree.set('a', 'again');
    const lost = { projectId: 'p', backupId: newBackupId(parts), description: '', until: 0 };
    await takeBackup(parts, tree, lost);
    pass(13);
    const backupId = await take();
    assert.equal(count('blobs'), 2);
    pass(13);
    assert.equal((await sweepBackups(parts)).blobs, 1);
    assert.deepEqual((await verifyBackup(parts, { projectId: 'p', backupId })).corrupt, []);
  });

  it('leaves alone what another sweep has removed and a backup has stored anew', async () => {
    const { parts, tree, take, count, pass } = world();
    tree.set('a', 'again');
    await takeBackup(parts, tree, { projectId: 'p', backupId: newBackupId(parts), description: '', until: 0 });
    pass(27);
    let backupId = '';
    const late = {
      ...parts.objects,
      async delete(...given: Parameters<typeof parts.objects.delete>) {
        if (given[1].startsWith('blobs/')) {
          assert.equal((await sweepBackups(parts)).blobs, 1);
          backupId = await take();
        }
        return parts.objects.delete(...given);
      },
    };
    await sweepBackups({ ...parts, objects: late });
    assert.equal(count('blobs'), 1);
    assert.deepEqual((await verifyBackup(parts, { projectId: 'p', backupId })).corrupt, []);
  });

  it('removes no blob while there is a manifest that it cannot read, and says which', async () => {
    const { parts, tree, take, count, pass } = world();
    tree.set('a', 'a');
    const first = await take();
    tree.set('a', 'b');
    await take();
    await expireBackups(parts, 'p', policy);
    parts.objects.all.set('manifests/q/backup_20260101_000000_bbbbbbbbbbbb', {
      bytes: Buffer.from('rotten'),
      writtenAt: 0,
      version: '',
    });
    pass(27);
    const { blobs, manifests, unreadable } = await sweepBackups(parts);
    assert.deepEqual([blobs, manifests, unreadable], [0, 1, ['manifests/q/backup_20260101_000000_bbbbbbbbbbbb']]);
    assert.equal(count('blobs'), 2);
    await assert.rejects(readManifest(parts, 'p', first), { code: 'backup_not_found' });
  });

  it('removes nothing that a backup needs which is taken at the same time', async function () {
    this.timeout(60_000);
    const counts = await raceSweeps(200, { seed: 1 });
    const { backups, twice, sweptBlobs, rollbacks, ended } = counts;
    assert.ok(backups > 400 && twice > 100 && sweptBlobs > 100 && rollbacks > 100 && ended > 100, JSON.stringify(counts));
  });
});
