import assert from 'node:assert/strict';
import fc from 'fast-check';
import { centsFromMicros, isWholeMicros, microsFromCents } from '../../../functions/core/budgets/money.ts';
import { committedMicros, spentMicros, type TaskCore } from '../../../functions/core/task.ts';

describe('money', () => {
  const rows: [cents: number, micros: number][] = [
    [0, 0],
    [1, 10_000],
    [0.0001, 1],
    [5, 50_000],
    [0.29, 2_900],
    [0.07, 700],
    [1.1, 11_000],
    [1_000_000_000, 10_000_000_000_000],
  ];
  for (const [cents, micros] of rows) {
    it(`${cents} cents are ${micros} micro-dollars, and back`, () => {
      assert.equal(microsFromCents(cents), micros);
      assert.equal(centsFromMicros(micros), cents);
      assert.ok(isWholeMicros(cents));
    });
  }

  for (const cents of [0.000_01, 0.000_15, 1.000_05, 99.999_99, Number.NaN, Number.POSITIVE_INFINITY, 1e13]) {
    it(`${cents} cents are no whole number of micro-dollars`, () => assert.equal(isWholeMicros(cents), false));
  }

  it('every whole amount of micro-dollars up to ten million dollars survives the way to cents and back', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 10_000_000_000_000 }), (micros) => {
        const cents = centsFromMicros(micros);
        assert.ok(isWholeMicros(cents));
        assert.equal(microsFromCents(cents), micros);
      }),
    );
  });
});

describe('the charges of a task', () => {
  const core = (charges: TaskCore['charges'], budgetFromEpoch = 0) => ({ charges, budgetFromEpoch }) as TaskCore;
  const rows: [string, TaskCore, spent: number, committed: number][] = [
    ['none', core([]), 0, 0],
    ['one running counts against the budget and not yet as cost', core([{ epoch: 1, quoteMicros: 5 }]), 0, 5],
    ['one settled below its quote', core([{ epoch: 1, quoteMicros: 5, costMicros: 2 }]), 2, 2],
    [
      'two',
      core([
        { epoch: 1, quoteMicros: 5, costMicros: 5 },
        { epoch: 2, quoteMicros: 7 },
      ]),
      5,
      12,
    ],
    [
      'after a redrive',
      core(
        [
          { epoch: 1, quoteMicros: 5, costMicros: 5 },
          { epoch: 2, quoteMicros: 7 },
        ],
        1,
      ),
      5,
      7,
    ],
    [
      'after a redrive, when an old attempt turns out cheaper: the new budget does not grow by it',
      core(
        [
          { epoch: 1, quoteMicros: 5, costMicros: 1, reported: true },
          { epoch: 2, quoteMicros: 7 },
        ],
        1,
      ),
      1,
      7,
    ],
  ];
  for (const [name, task, spent, committed] of rows) {
    it(name, () => assert.deepEqual([spentMicros(task), committedMicros(task)], [spent, committed]));
  }
});
