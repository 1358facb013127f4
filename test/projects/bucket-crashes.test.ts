import assert from 'node:assert/strict';
import { killBucketRollbacks } from './bucket-crashes.ts';

describe('rollbacks in buckets that are killed', () => {
  it('leave the old tree or the new one, whenever that happens', async function () {
    this.timeout(180_000);
    const { killed } = await killBucketRollbacks(4);
    assert.ok(killed > 0, `only ${killed} were killed`);
  });
});
