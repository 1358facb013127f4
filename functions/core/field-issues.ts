/** What a schema finds wrong, in words that read as a sentence behind the field's name. */

import type { z } from 'zod';

export interface FieldIssue {
  /** Its path, dotted; empty for the whole. */
  readonly field: string;
  readonly code: string;
  readonly message: string;
}

/** One issue per bad field; each unknown field is one of its own, `unknown_field`, with `unknownField` as its message. */
export function fieldIssues(error: z.ZodError, unknownField: string): FieldIssue[] {
  const all = error.issues.flatMap((issue) => {
    const at = issue.path.map(String).join('.');
    if (issue.code !== 'unrecognized_keys') return [{ field: at, code: issue.code, message: spoken(issue.message) }];
    return issue.keys.map((key) => ({
      field: [at, key.slice(0, 100)].filter(Boolean).join('.'),
      code: 'unknown_field',
      message: unknownField,
    }));
  });
  return all.filter(({ field }, index) => all.findIndex((one) => one.field === field) === index);
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
