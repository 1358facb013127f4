import { describeWithEmulators } from '../support/emulators.ts';
import { shown } from './accounts.ts';
import { badDays, together } from './bad-days.ts';
import { type BadDay, endure } from './endure.ts';
import { type FaultyEmulated, faultyEmulated } from './faulty-emulated.ts';

describeWithEmulators('faults on the emulator runtime, 5,000 tasks each', () => {
  const { disorder, delay, lostAcks, resets, slowness, storeUnreachable, storeSilent, clocksOneWay } = badDays;
  let stack: FaultyEmulated;

  const suffer = (days: readonly BadDay[]) => {
    for (const day of days) {
      it(`${day.name}: nothing lost, nothing doubled`, async function () {
        this.timeout(500_000);
        const figures = await endure(stack, day, { count: 5_000, scale: 10, withinMs: 400_000 });
        console.log(`      ${shown(figures)}`);
      });
    }
  };

  describe('of broker and network', () => {
    before(async function () {
      this.timeout(90_000);
      stack = await faultyEmulated();
    });
    after(() => stack?.stop());
    suffer([storeUnreachable, storeSilent, together(disorder, delay, lostAcks), together(resets, slowness)]);
  });

  describe('of clocks', () => {
    before(async function () {
      this.timeout(90_000);
      stack = await faultyEmulated({ skewMs: clocksOneWay.skewMs });
    });
    after(() => stack?.stop());
    suffer([clocksOneWay]);
  });
});
