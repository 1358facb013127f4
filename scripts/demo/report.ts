/** The table of outcomes and the totals, as lines. */

import { centsFromMicros } from '../../functions/core/budgets/money.ts';
import type { Outcome } from './outcomes.ts';
import { table } from './table.ts';

export interface Totals {
  readonly priceMicros: number;
  /** Whether the price is the setting, or was learned from the first run. */
  readonly priceFrom: string;
  readonly seconds: number;
  /** The tasks that end by themselves at once, and what they took together. */
  readonly plain: { readonly tasks: number; readonly seconds: number };
  /** How many tasks the server lists of this batch. */
  readonly listed: number;
}

export interface Report {
  readonly lines: readonly string[];
  readonly faults: readonly string[];
}

/** `cents`: what they cost together. `median`: from creation to end. */
const COLUMNS = ['kind', 'tasks', 'expected', 'seen', 'attempts', 'cents', 'median', ''] as const;
const RIGHT = new Set([1, 4, 5, 6]);

export function report(outcomes: readonly Outcome[], totals: Totals): Report {
  const tasks = sum(outcomes, ({ tasks: count }) => count);
  const runs = sum(outcomes, ({ attempts }) => attempts);
  const costMicros = sum(outcomes, (outcome) => outcome.costMicros);
  const faults = outcomes.flatMap((outcome) => outcome.faults);
  if (costMicros !== runs * totals.priceMicros)
    faults.push(
      `The costs add up to ${cents(costMicros)} cents; ${runs} runs at ${cents(totals.priceMicros)} cents make ${cents(runs * totals.priceMicros)}.`,
    );
  if (totals.listed !== tasks) faults.push(`The server lists ${totals.listed} tasks of this batch; ${tasks} were expected.`);

  const rows = outcomes.map((it) => [
    it.name,
    String(it.tasks),
    it.expected,
    it.seen,
    String(it.attempts),
    cents(it.costMicros),
    it.medianMs === undefined ? '-' : duration(it.medianMs),
    it.faults.length === 0 ? 'ok' : 'WRONG',
  ]);
  const { plain } = totals;
  return {
    faults,
    lines: [
      ...table([[...COLUMNS], ...rows], RIGHT),
      '',
      `${tasks} tasks in ${totals.seconds.toFixed(1)} s; the ${plain.tasks} plain ones in ${plain.seconds.toFixed(2)} s: ${(plain.tasks / plain.seconds).toFixed(0)} tasks/s.`,
      `Cost: ${cents(costMicros)} cents for ${runs} runs at ${cents(totals.priceMicros)} cents each (${totals.priceFrom})${costMicros === runs * totals.priceMicros ? ': it adds up' : ''}.`,
    ],
  };
}

/** The last lines of the demo. */
export function verdict(faults: readonly string[]): readonly string[] {
  if (faults.length === 0) return ['Every outcome is the expected one.'];
  return [`${faults.length} not as expected:`, ...faults.map((fault) => `  ${fault}`)];
}

const sum = <T>(items: readonly T[], of: (item: T) => number): number => items.reduce((total, item) => total + of(item), 0);
const cents = (micros: number): string => String(centsFromMicros(micros));
const duration = (ms: number): string => (ms < 1_000 ? `${ms} ms` : `${(ms / 1_000).toFixed(1)} s`);
