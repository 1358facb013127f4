import assert from 'node:assert/strict';
import { mutations } from './mutations.ts';
import { simulateSeeds } from './seeds.ts';

const SEEDS = 1_000;

describe('the simulation notices a guard that is switched off', function () {
  this.timeout(600_000);
  for (const { name, guard } of mutations) {
    it(`${guard}: ${name}`, async () => {
      const [found] = await simulateSeeds({ from: 1, count: SEEDS, mutation: name, stopAtFirst: true });
      assert.ok(found !== undefined, `${SEEDS} seeds passed with it`);
      console.log(`      seed ${found.seed}: ${found.rule}`);
    });
  }
});
