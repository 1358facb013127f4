import { conditionNotMet, invalid, notModified } from './errors.ts';

/** The conditions of a request; absent ones hold. */
export interface Preconditions {
  readonly generationMatch?: number;
  readonly generationNotMatch?: number;
  readonly metagenerationMatch?: number;
  readonly metagenerationNotMatch?: number;
}

/** Reads `ifGenerationMatch` and its like; with the prefix `ifSource` those of a copy's source. Throws `StorageError` 400. */
export function preconditionsOf(query: URLSearchParams, prefix = 'if'): Preconditions {
  return {
    generationMatch: wholeNumber(query, `${prefix}GenerationMatch`),
    generationNotMatch: wholeNumber(query, `${prefix}GenerationNotMatch`),
    metagenerationMatch: wholeNumber(query, `${prefix}MetagenerationMatch`),
    metagenerationNotMatch: wholeNumber(query, `${prefix}MetagenerationNotMatch`),
  };
}

/**
 * Throws `StorageError` 412, or 304 where a read asked for what has changed and it has not. Nothing there has generation 0, and
 * fails every other condition.
 *
 * Source: cloud.google.com/storage/docs/request-preconditions.
 */
export function checkPreconditions(
  conditions: Preconditions,
  found: { readonly generation?: number; readonly metageneration: number } | undefined,
  access: 'read' | 'write',
): void {
  const { generationMatch, generationNotMatch, metagenerationMatch, metagenerationNotMatch } = conditions;
  if (generationMatch !== undefined && generationMatch !== (found?.generation ?? 0)) throw conditionNotMet();
  if (metagenerationMatch !== undefined && metagenerationMatch !== found?.metageneration) throw conditionNotMet();
  if (found === undefined && (generationNotMatch !== undefined || metagenerationNotMatch !== undefined)) throw conditionNotMet();
  const isSame =
    (generationNotMatch !== undefined && generationNotMatch === found?.generation) ||
    (metagenerationNotMatch !== undefined && metagenerationNotMatch === found?.metageneration);
  if (isSame) throw access === 'read' ? notModified() : conditionNotMet();
}

/** A query parameter that is a whole number, or absent. Throws `StorageError` 400. */
export function wholeNumber(query: URLSearchParams, name: string): number | undefined {
  const text = query.get(name);
  if (text === null) return undefined;
  const value = /^\d{1,16}$/.test(text) ? Number(text) : Number.NaN;
  if (!Number.isSafeInteger(value)) throw invalid(`Invalid value for ${name}: ${JSON.stringify(text)} is no whole number.`);
  return value;
}
