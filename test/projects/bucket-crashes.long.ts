import assert from 'node:assert/strict';
import { killBucketRollbacks } from './bucket-crashes.ts';

describe('rollbacks in buckets that are killed many times', () => {
  it('leave the old tree or the new one, whenever that happens', async function () {
    this.timeout(1_800_000);
    const { killed, old, fresh } = await killBucketRollbacks(50);
    console.log({ killed, old, fresh });
    assert.ok(killed > 20, `only ${killed} were killed`);
  });
});
