/** Interleaved rounds: the machines are shared and noisy, so contenders take turns and medians with ranges are compared. */

export interface Spread {
  readonly median: number;
  readonly minimum: number;
  readonly maximum: number;
}

/** Median and range of some figures (at least one). */
export function spread(figures: readonly number[]): Spread {
  const sorted = [...figures].sort((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  const median = sorted.length % 2 === 1 ? at(sorted, middle) : (at(sorted, middle - 1) + at(sorted, middle)) / 2;
  return { median, minimum: at(sorted, 0), maximum: at(sorted, sorted.length - 1) };
}

/** Runs every contender once per round, in turn, and gives each one's figures in the order of the rounds. */
export async function interleaved<T>(
  rounds: number,
  contenders: Readonly<Record<string, () => Promise<T>>>,
): Promise<Record<string, T[]>> {
  const figures: Record<string, T[]> = Object.fromEntries(Object.keys(contenders).map((name) => [name, []]));
  for (let round = 0; round < rounds; round++) {
    for (const [name, run] of Object.entries(contenders)) figures[name]?.push(await run());
  }
  return figures;
}

/** `1,234 (1,100–1,300)`. */
export function shown({ median, minimum, maximum }: Spread, digits = 0): string {
  const text = (value: number) => value.toLocaleString('en', { maximumFractionDigits: digits, minimumFractionDigits: digits });
  return `${text(median)} (${text(minimum)}–${text(maximum)})`;
}

function at(figures: readonly number[], index: number): number {
  const figure = figures[index];
  if (figure === undefined) throw new RangeError('No figures to compare.');
  return figure;
}
