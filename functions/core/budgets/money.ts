/** Money is held in whole micro-dollars: one cent is 10,000 of them. */

const MICROS_PER_CENT = 10_000;

/** Cents (fractions allowed down to a micro-dollar) as micro-dollars. */
export const microsFromCents = (cents: number): number => Math.round(cents * MICROS_PER_CENT);

export const centsFromMicros = (micros: number): number => micros / MICROS_PER_CENT;

/** Whether an amount in cents is a whole number of micro-dollars that a double holds exactly. */
export function isWholeMicros(cents: number): boolean {
  const micros = cents * MICROS_PER_CENT;
  // What rounding to a double leaves of a whole number, twice over.
  const tolerance = Math.max(1e-6, Math.abs(micros) * 4 * Number.EPSILON);
  return Number.isSafeInteger(Math.round(micros)) && Math.abs(micros - Math.round(micros)) <= tolerance;
}
