/** UTC days, written as `2026-01-31`: what budgets and costs are counted by. */

export const DAY_MS = 86_400_000;

/** The day of a moment, which is in milliseconds since the epoch. */
export const dayOf = (ms: number): string => new Date(ms).toISOString().slice(0, 10);

/** The day after. */
export const nextDay = (day: string): string => dayOf(Date.parse(day) + DAY_MS);
