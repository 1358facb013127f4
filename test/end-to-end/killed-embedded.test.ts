import { killEmbedded } from './killed-embedded.ts';

describe('kill -9 of the embedded runtime', function () {
  this.timeout(120_000);
  it('in the middle of 240 mixed tasks, four times: nothing lost, nothing doubled, every cost exact', () => killEmbedded(240, 4));
});
