import assert from 'node:assert/strict';
import { killWhileAtWork } from './killing.ts';

describe('backups and rollbacks of a server that is killed', function () {
  this.timeout(180_000);

  it('end, and never leave half of a tree', async () => {
    const { backups, rollbacks } = await killWhileAtWork(3);
    assert.ok(backups + rollbacks > 0);
  });
});
