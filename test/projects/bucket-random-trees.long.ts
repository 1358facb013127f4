import assert from 'node:assert/strict';
import { rollBackRandomBuckets } from './bucket-random-trees.ts';

describe('many random trees in buckets', () => {
  it('are the same after random edits and a rollback, and the edits are back after another', async function () {
    this.timeout(1_800_000);
    const { entries } = await rollBackRandomBuckets(80);
    assert.ok(entries > 400);
  });
});
