import assert from 'node:assert/strict';
import { memoryOfLargeFile } from './memory.ts';

describe('the memory of a file of 5 GB', () => {
  it('is less than 200 MiB', async function () {
    this.timeout(1_200_000);
    const { take, rollBack } = await memoryOfLargeFile(5_000, 1_000);
    console.log({ take, rollBack });
    assert.ok(take > 30 && take < 200, `${Math.round(take)} MiB for the backup`);
    assert.ok(rollBack > 30 && rollBack < 200, `${Math.round(rollBack)} MiB for the rollback`);
  });
});
