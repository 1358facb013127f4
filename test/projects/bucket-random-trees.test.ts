import assert from 'node:assert/strict';
import { rollBackRandomBuckets } from './bucket-random-trees.ts';

describe('random trees in buckets', () => {
  it('are the same after random edits and a rollback, and the edits are back after another', async function () {
    this.timeout(120_000);
    const { entries } = await rollBackRandomBuckets(6);
    assert.ok(entries > 40);
  });
});
