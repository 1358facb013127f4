/** Chance of one simulated world: all of it follows from the seed. */

export interface Chance {
  /** From 0 up to, not including, 1. */
  fraction(): number;
  /** A whole number from 0 up to, not including, `below`. */
  below(below: number): number;
  between(low: number, high: number): number;
  /** Whether something of this probability happens; takes nothing from the source where it cannot. */
  happens(probability: number): boolean;
  oneOf<T>(values: readonly T[]): T;
  hexadecimal(bytes: number): string;
}

/** Source: sfc32 of PractRand (Chris Doty-Humphrey), public domain. */
export function chanceOf(seed: number): Chance {
  let [a, b, c, counter] = [seed | 0, (seed / 2 ** 32) | 0, 0x9e3779b9 | 0, 1];
  const next = (): number => {
    const result = (((a + b) | 0) + counter) | 0;
    counter = (counter + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = (((c << 21) | (c >>> 11)) + result) | 0;
    return result >>> 0;
  };
  for (let mixed = 0; mixed < 12; mixed++) next();
  const fraction = () => next() / 2 ** 32;
  const below = (limit: number) => Math.floor(fraction() * limit);
  return {
    fraction,
    below,
    between: (low, high) => low + below(high - low + 1),
    happens: (probability) => probability > 0 && fraction() < probability,
    oneOf: <T>(values: readonly T[]) => values[below(values.length)] as T,
    hexadecimal(bytes) {
      let text = '';
      while (text.length < bytes * 2) text += next().toString(16).padStart(8, '0');
      return text.slice(0, bytes * 2);
    },
  };
}
