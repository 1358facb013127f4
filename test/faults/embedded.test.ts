import assert from 'node:assert/strict';
import { type BadDay, badDays, endure, quiet } from './bad-days.ts';
import { type FaultyEmbedded, faultyEmbedded } from './faulty-embedded.ts';

describe('faults on the embedded runtime', function () {
  this.timeout(60_000);
  let stack: FaultyEmbedded;
  before(async () => {
    stack = await faultyEmbedded();
  });
  after(async () => {
    await stack?.stop();
    stack?.remove();
  });

  for (const day of Object.values<BadDay>(badDays)) {
    it(`${day.name}: nothing lost, nothing doubled`, async () => {
      await endure(stack, day, { count: 120, scale: 1, withinMs: 30_000 });
    });
  }

  it('what came late to the ended changed nothing, and nothing is left in a queue', async () => {
    await quiet(stack, 1_200);
    await stack.stop();
    assert.deepEqual(stack.leftInQueues(), {});
  });
});
