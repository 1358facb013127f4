import assert from 'node:assert/strict';
import { memoryOfLargeFile } from './memory.ts';

describe('the memory of a large file', () => {
  it('is bounded: 300 MiB, a third of which cannot be packed, in less than 200 MiB', async function () {
    this.timeout(120_000);
    const { take, rollBack } = await memoryOfLargeFile(300, 100);
    assert.ok(take > 30 && take < 200, `${Math.round(take)} MiB for the backup`);
    assert.ok(rollBack > 30 && rollBack < 200, `${Math.round(rollBack)} MiB for the rollback`);
  });
});
