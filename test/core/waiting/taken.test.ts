import assert from 'node:assert/strict';
import fc from 'fast-check';
import { freeNumbers } from '../../../functions/core/waiting/taken.ts';

const limit = fc.integer({ min: 1, max: 6 });

describe('the numbers of slots that may be taken', () => {
  const rows: readonly (readonly [limit: number, taken: readonly number[], free: readonly number[]])[] = [
    [3, [], [0, 1, 2]],
    [3, [1], [0, 2]],
    [2, [0, 1], []],
    // The limit was higher before.
    [2, [3, 4, 5], []],
    [2, [3, 4], []],
    [2, [4], [0]],
    [3, [2, 5], [0]],
    [3, [0, 1, 5], []],
  ];
  for (const [most, taken, free] of rows) {
    it(`are ${free.join(', ') || 'none'} of ${most} when ${taken.join(', ') || 'none'} are taken`, () => {
      assert.deepEqual(freeNumbers(most, taken), free);
    });
  }

  it('never make more than the limit, whatever others see late, also after it was lowered', () => {
    fc.assert(
      fc.property(
        limit,
        fc.uniqueArray(fc.integer({ min: 0, max: 9 }), { maxLength: 8 }),
        fc.array(fc.record({ releases: fc.boolean(), which: fc.nat({ max: 20 }), seenAgo: fc.nat({ max: 6 }) }), { maxLength: 40 }),
        (most, before, steps) => {
          const taken = new Set(before);
          const seen = [[...taken]];
          for (const { releases, which, seenAgo } of steps) {
            if (releases) taken.delete([...taken][which % Math.max(1, taken.size)] ?? -1);
            else {
              const free = freeNumbers(most, seen.at(-1 - seenAgo) ?? [...taken]);
              const number = free[which % Math.max(1, free.length)];
              // Its document is created: whoever finds it there does not have it.
              if (number !== undefined && !taken.has(number)) {
                taken.add(number);
                assert.ok(taken.size <= Math.max(most, 0), `${most}: ${[...taken]}`);
              }
            }
            seen.push([...taken]);
          }
        },
      ),
      { numRuns: 3_000 },
    );
  });
});
