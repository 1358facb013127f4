import { describeWithEmulators } from '../support/emulators.ts';
import { badDays, together } from './bad-days.ts';
import { endure } from './endure.ts';
import { type FaultyEmulated, faultyEmulated } from './faulty-emulated.ts';

describeWithEmulators('faults on the emulator runtime', () => {
  const { duplicates, disorder, lostAcks, resets } = badDays;
  let stack: FaultyEmulated;
  before(async function () {
    this.timeout(90_000);
    stack = await faultyEmulated();
  });
  after(() => stack?.stop());

  const day = together(duplicates, disorder, lostAcks, resets);
  it(`${day.name}: nothing lost, nothing doubled`, async function () {
    this.timeout(120_000);
    await endure(stack, day, { count: 60, scale: 1, withinMs: 100_000 });
  });
});
