import { explained } from './explained.ts';

describe('a simulated world', function () {
  this.timeout(1_800_000);
  it('keeps every invariant, 10,000 seeds', () => explained(1, 10_000));
});
