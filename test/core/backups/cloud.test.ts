import assert from 'node:assert/strict';
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { cloudObjects } from '../../../functions/adapters/cloud-storage.ts';
import { rollBack } from '../../../functions/core/backups/rollback.ts';
import { expireBackups, sweepBackups } from '../../../functions/core/backups/sweep.ts';
import { verifyBackup } from '../../../functions/core/backups/verify.ts';
import { storageOf } from '../../support/storage.ts';
import { makeTree, PROJECT, place, seen } from './kit.ts';

describe('backups in Cloud Storage', () => {
  const project = 'heliograph-test';
  let storage: Awaited<ReturnType<typeof storageOf>>;
  before(async () => {
    storage = await storageOf(project);
  });
  after(() => storage.close());

  it('are taken, verified, rolled back to, given up and swept', async function () {
    this.timeout(60_000);
    const at = place(undefined, () => cloudObjects({ project }));
    try {
      makeTree(at.project, { a: 'a', 'b/run': { x: 'run' }, empty: null, large: Buffer.alloc(9_000_000, 'large') });
      const before = seen(at.project);
      const backupId = await at.backup();
      assert.deepEqual((await verifyBackup(at.parts, { projectId: PROJECT, backupId })).corrupt, []);
      rmSync(join(at.project, 'b'), { recursive: true });
      writeFileSync(join(at.project, 'a'), 'changed');
      const { safety_backup_id: safety } = await rollBack(at.parts, await at.tree(), { projectId: PROJECT, backupId });
      assert.deepEqual(seen(at.project), before);
      assert.deepEqual(await expireBackups(at.parts, PROJECT, { last: 1, daily: 0, weekly: 0 }), [backupId]);
      const later = { ...at.parts.clock, now: () => Date.now() + 26 * 3_600_000 };
      assert.deepEqual((await sweepBackups({ ...at.parts, clock: later })).unreadable, []);
      assert.deepEqual((await verifyBackup(at.parts, { projectId: PROJECT, backupId: safety })).corrupt, []);
    } finally {
      at.remove();
    }
  });
});
