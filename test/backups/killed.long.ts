import assert from 'node:assert/strict';
import { killWhileAtWork } from './killing.ts';

describe('backups and rollbacks of a server that is killed often', function () {
  this.timeout(1_800_000);

  it('end, and never leave half of a tree', async () => {
    const { backups, rollbacks } = await killWhileAtWork(10);
    assert.ok(backups > 0 && rollbacks > 0);
  });
});
