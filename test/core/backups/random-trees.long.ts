import assert from 'node:assert/strict';
import { rollBackRandomTrees } from './random-trees.ts';

describe('a thousand random trees', () => {
  it('are the same after random edits and a rollback, and the edits are back after another', async function () {
    this.timeout(3_600_000);
    const counts = await rollBackRandomTrees(1_000);
    console.log(counts);
    assert.ok(counts.entries > 10_000 && counts.linked > 1_000);
  });
});
