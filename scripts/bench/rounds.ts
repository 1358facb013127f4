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

/**
 * Runs every contender once per round, in turn, and gives each one's figures in the order of the rounds. Each round begins with
 * another one, so that none always comes after the same neighbour's last writes.
 */
export async function interleaved<T>(
  rounds: number,
  contenders: Readonly<Record<string, () => Promise<T>>>,
): Promise<Record<string, T[]>> {
  const figures: Record<string, T[]> = Object.fromEntries(Object.keys(contenders).map((name) => [name, []]));
  for (let round = 0; round < rounds; round++) {
    const turns = Object.entries(contenders);
    const first = round % Math.max(1, turns.length);
    for (const [name, run] of [...turns.slice(first), ...turns.slice(0, first)]) figures[name]?.push(await run());
  }
  return figures;
}

/** One contender's figures over another's, round by round. */
export function ratios(of: readonly number[], over: readonly number[]): number[] {
  if (of.length !== over.length) throw new RangeError('Not the same rounds.');
  return of.map((figure, round) => figure / at(over, round));
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
