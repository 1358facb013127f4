/** Which JSON values from outside can be kept and given back as they were. */

import * as z from 'zod';

/** What a client may send. Every store, message and reply on its way can bear far more, however deep the stack is then. */
const MAX_LEVELS = 100;
/** A result may hold the payload, and wrap it. */
const MAX_RESULT_LEVELS = 200;

/** Refines a schema to what can be kept. Ends its checks: what others measure would not bear a greater depth. */
export const keepable = [
  (value: unknown): boolean => flawOf(value, MAX_LEVELS) === undefined,
  { error: ({ input }: { readonly input?: unknown }) => flawOf(input, MAX_LEVELS), abort: true },
] as const;

/** Any result that can be kept as it is. */
export const resultSchema = z.unknown().refine((value) => resultFlaw(value) === undefined, {
  error: ({ input }) => resultFlaw(input),
});

/** Why a result cannot be kept as it is, in words that read as a sentence behind its name. */
export const resultFlaw = (value: unknown): string | undefined => flawOf(value, MAX_RESULT_LEVELS);

/** Looks no deeper than `levels`, so a hostile depth costs nothing. */
function flawOf(value: unknown, most: number, levels = most): string | undefined {
  // The parser makes infinity of what is too large for a double, and the next writer `null` of that.
  if (typeof value === 'number') return Number.isFinite(value) ? undefined : 'has a number that is too large for a double';
  if (typeof value !== 'object' || value === null) return undefined;
  if (levels === 0) return `is nested more than ${most} levels deep`;
  for (const inner of Object.values(value)) {
    const flaw = flawOf(inner, most, levels - 1);
    if (flaw !== undefined) return flaw;
  }
  return undefined;
}
