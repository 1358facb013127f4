import assert from 'node:assert/strict';
import { shown } from './accounts.ts';
import { badDays } from './bad-days.ts';
import { type BadDay, endure, quiet } from './endure.ts';
import { type FaultyEmbedded, faultyEmbedded } from './faulty-embedded.ts';
import { redriveTwice } from './redrive.ts';

describe('faults on the embedded runtime, 5,000 tasks each', function () {
  this.timeout(500_000);
  const days = Object.values<BadDay>(badDays);
  describe('of broker, clocks, keys and store', () =>
    suffer(
      days.filter(({ network }) => !network),
      redriving,
    ));
  describe('of the network', () => suffer(days.filter(({ network }) => network)));
});

function redriving(stack: () => FaultyEmbedded): void {
  it('redriving each of 1,000 dead tasks twice changes nothing twice', async () => {
    console.log(`      ${shown(await redriveTwice(stack(), 1_000, 240_000))}`);
  });
}

function suffer(days: readonly BadDay[], redriven?: (stack: () => FaultyEmbedded) => void): void {
  let stack: FaultyEmbedded;
  before(async () => {
    stack = await faultyEmbedded({ network: days.some(({ network }) => network) });
  });
  after(async () => {
    await stack?.stop();
    stack?.remove();
  });

  for (const day of days) {
    it(`${day.name}: nothing lost, nothing doubled`, async () => {
      const figures = await endure(stack, day, { count: 5_000, scale: 10, withinMs: 400_000 });
      console.log(`      ${shown(figures)}`);
    });
  }

  redriven?.(() => stack);

  it('what came late to the ended changed nothing, and nothing is left in a queue', async () => {
    await quiet(stack);
    await stack.stop();
    assert.deepEqual(stack.leftInQueues(), {});
  });
}
