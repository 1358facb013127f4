import assert from 'node:assert/strict';
import { smallestStory } from './failure.ts';
import { simulateSeeds } from './seeds.ts';

/** Fails with the first seed that breaks a rule, and the story of the smallest scenario below it. */
export async function explained(from: number, count: number): Promise<void> {
  const failures = await simulateSeeds({ from, count });
  const [first] = failures;
  if (first === undefined) return;
  const { text } = await smallestStory(first.seed, 20_000);
  const others = failures.slice(1, 10).map(({ seed, rule }) => `${seed} (${rule})`);
  assert.fail(
    `${failures.length} of ${count} seeds failed. npm run simulate -- --seed ${first.seed} tells all of this one:\n` +
      `${first.rule}: ${first.detail}\nSmaller:\n${text}\nOthers: ${others.join(', ') || 'none'}`,
  );
}
