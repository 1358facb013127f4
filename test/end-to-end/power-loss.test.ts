import { powerLoss } from './power-loss.ts';

describe('power lost, embedded', () => {
  it('loses nothing that anybody outside has seen, whatever else of the log was on its way to the disk', () =>
    powerLoss({ tasks: 120, cuts: 12 })).timeout(60_000);
});
