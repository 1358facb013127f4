import assert from 'node:assert/strict';
import { bucketLocks, LockLost } from '../../functions/adapters/bucket-lock.ts';
import { WORK_PREFIX } from '../../functions/adapters/bucket-place.ts';
import { runOutLocks } from '../projects/bucket-faults.ts';
import { bucketKit } from '../projects/bucket-kit.ts';

describe('the lock of a project in a bucket', () => {
  it('is one holder’s: whoever was taken for dead changes and removes nothing of it any more', async () => {
    const at = await bucketKit({ leaseMs: 60_000 });
    try {
      const name = `${WORK_PREFIX}${'0'.repeat(40)}/lock`;
      const locks = bucketLocks(at.bucket, 60_000);
      const first = await locks.take(name, { project: at.path, work: `${WORK_PREFIX}w/`, phase: 'building' });
      assert.ok(first !== undefined);
      assert.equal(await locks.take(name, { project: at.path, work: `${WORK_PREFIX}x/`, phase: 'building' }), undefined);
      await runOutLocks(at.site, at.bucket.name);
      const found = await locks.read(name);
      assert.ok(found !== undefined && found.ageMs >= 60_000);
      const second = await locks.takeOver(name, found);
      assert.ok(second !== undefined);
      assert.equal(await locks.takeOver(name, found), undefined);
      await assert.rejects(first.commit(), LockLost);
      await first.release();
      assert.equal((await locks.read(name))?.state.phase, 'building');
      await second.commit();
      assert.equal((await locks.read(name))?.state.phase, 'applying');
      await second.release();
      assert.equal(await locks.read(name), undefined);
    } finally {
      await at.close();
    }
  });
});
