import assert from 'node:assert/strict';
import { shown } from './accounts.ts';
import { type BadDay, badDays, endure, quiet } from './bad-days.ts';
import { type FaultyEmbedded, faultyEmbedded } from './faulty-embedded.ts';
import { redriveTwice } from './redrive.ts';

describe('faults on the embedded runtime, 5,000 tasks each', function () {
  this.timeout(240_000);
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
      const { figures } = await endure(stack, day, { count: 5_000, scale: 10, withinMs: 180_000 });
      console.log(`      ${shown(figures)}`);
    });
  }

  it('redriving every dead task twice changes nothing twice', async () => {
    console.log(`      ${shown(await redriveTwice(stack, 5_000, 120_000))}`);
  });

  it('what came late to the ended changed nothing, and nothing is left in a queue', async () => {
    await quiet(stack, 1_200);
    await stack.stop();
    assert.deepEqual(stack.leftInQueues(), {});
  });
});
