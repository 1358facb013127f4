import assert from 'node:assert/strict';
import { badDays } from './bad-days.ts';
import { type BadDay, endure, quiet } from './endure.ts';
import { type FaultyEmbedded, faultyEmbedded } from './faulty-embedded.ts';
import { redriveTwice } from './redrive.ts';

/** Each on a runtime of its own, all at once: most of it is waiting. */
describe('faults on the embedded runtime', function () {
  this.timeout(200_000);
  const running = new Map<string, Promise<void>>();

  const suffer = (name: string, what: (stack: FaultyEmbedded) => Promise<unknown>, network?: true) => {
    before(() => {
      const run = onItsOwn(what, network);
      // Awaited by its own test, which may come later.
      run.catch(() => {});
      running.set(name, run);
    });
    it(`${name}: nothing lost, nothing doubled, nothing left in a queue`, () => running.get(name));
  };

  for (const day of Object.values<BadDay>(badDays)) {
    suffer(day.name, (stack) => endure(stack, day, { count: 120, scale: 1, withinMs: 120_000 }), day.network);
  }
  suffer('every dead task redriven twice', (stack) => redriveTwice(stack, 60, 120_000));
});

async function onItsOwn(what: (stack: FaultyEmbedded) => Promise<unknown>, network?: true): Promise<void> {
  const stack = await faultyEmbedded({ network });
  try {
    await what(stack);
    await quiet(stack);
  } finally {
    await stack.stop();
  }
  try {
    assert.deepEqual(stack.leftInQueues(), {});
  } finally {
    stack.remove();
  }
}
