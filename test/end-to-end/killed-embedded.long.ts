import { killEmbedded } from './killed-embedded.ts';

describe('kill -9 of the embedded runtime, round after round', function () {
  this.timeout(240_000);
  for (let round = 1; round <= 6; round++) {
    it(`round ${round}: 600 mixed tasks, twelve kills`, () => killEmbedded(600, 12));
  }
});
