import { createHash } from 'node:crypto';

/** The id of a document that can be found by what it stands for: the same parts always give the same 40 hexadecimal digits. */
export const hashedId = (...parts: readonly string[]): string =>
  createHash('sha256').update(JSON.stringify(parts)).digest('hex').slice(0, 40);
