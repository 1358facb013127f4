import { explained } from './explained.ts';

describe('a simulated world', function () {
  this.timeout(600_000);
  it('keeps every invariant, 2,000 seeds', () => explained(1, 2_000));
});
