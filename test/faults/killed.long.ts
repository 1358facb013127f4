import { describeWithEmulators } from '../support/emulators.ts';
import { shown } from './accounts.ts';
import { type FaultyEmulated, faultyEmulated } from './faulty-emulated.ts';
import { killEmbedded, killFunctions } from './killed.ts';

const MINUTE = { count: 5_000, forMs: 60_000, withinMs: 400_000 };

describe('kill -9 of the embedded runtime for a minute under load', () => {
  it('5,000 tasks: nothing lost, nothing doubled', async function () {
    this.timeout(500_000);
    const { figures, kills } = await killEmbedded({ ...MINUTE, pauseMs: 1_500 });
    console.log(`      ${kills} kills; ${shown(figures)}`);
  });
});

describeWithEmulators('kill -9 of each function at random for a minute under load', () => {
  let stack: FaultyEmulated;
  before(async function () {
    this.timeout(90_000);
    stack = await faultyEmulated();
  });
  after(() => stack?.stop());

  it('5,000 tasks: nothing lost, nothing doubled', async function () {
    this.timeout(500_000);
    const { figures, kills } = await killFunctions(stack, { ...MINUTE, pauseMs: 1_500 });
    console.log(`      ${kills} kills; ${shown(figures)}`);
  });
});
