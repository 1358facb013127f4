import assert from 'node:assert/strict';
import { rollBackRandomTrees } from './random-trees.ts';

describe('random trees', () => {
  it('are the same after random edits and a rollback, and the edits are back after another', async function () {
    this.timeout(120_000);
    const { entries, linked } = await rollBackRandomTrees(20);
    assert.ok(entries > 200 && linked > 10, `${entries} entries, ${linked} linked`);
  });
});
