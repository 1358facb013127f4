import { explained } from './explained.ts';

describe('a simulated world', function () {
  this.timeout(900_000);
  it('keeps every invariant, 10,000 seeds', () => explained(1, 10_000));
});
