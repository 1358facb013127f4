/** What a schema finds wrong, in words that read as a sentence behind the field's name. */

import type { z } from 'zod';

export interface FieldIssue {
  /** Its path, dotted; empty for the whole. */
  readonly field: string;
  readonly code: string;
  readonly message: string;
}

/** More are shown to nobody; whoever sends a hundred thousand wrong fields is not to be given as much work. */
const MOST = 51;

/**
 * One issue per bad field, at most 51; each unknown field is one of its own, `unknown_field`, with `unknownField` as its message.
 */
export function fieldIssues(error: z.ZodError, unknownField: string): FieldIssue[] {
  const found = new Map<string, FieldIssue>();
  for (const issue of error.issues) {
    const at = issue.path.map(String).join('.');
    const isUnknown = issue.code === 'unrecognized_keys';
    for (const key of isUnknown ? issue.keys : ['']) {
      if (found.size >= MOST) return [...found.values()];
      const field = [at, key.slice(0, 100)].filter(Boolean).join('.');
      if (found.has(field)) continue;
      if (isUnknown) found.set(field, { field, code: 'unknown_field', message: unknownField });
      else found.set(field, { field, code: issue.code, message: spoken(issue.message) });
    }
  }
  return [...found.values()];
}

/** The library's words for a wrong value, as a sentence without its subject. */
function spoken(message: string): string {
  const [, expected, received] = /^Invalid input: expected (\w+), received (\w+)$/.exec(message) ?? [];
  if (expected === undefined)
    return message
      .replace(/^Too (small|big): expected \w+ to be /, 'is out of range: it has to be ')
      .replace(/^Too (small|big): expected \w+ to have /, 'is out of range: it has to have ')
      .replace(/^Invalid option: expected /, 'has to be ')
      .replace(/^Invalid URL$/, 'is not a URL');
  const wanted = expected === 'record' ? 'object' : expected;
  if (received === 'undefined') return `is missing: give ${article(wanted)}`;
  if (received === 'NaN' || received === 'null') return `has to be ${article(wanted)}`;
  return `has to be ${article(wanted)}, not ${article(received ?? '')}`;
}

const article = (type: string): string => `${/^[aeiou]/.test(type) ? 'an' : 'a'} ${type}`;
