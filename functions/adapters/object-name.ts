import { Problem } from '../core/errors.ts';

/**
 * The parts of an object's name: none of them empty, `.` or `..`, or refused by the store's own `allows`. Throws `Problem`
 * `invalid_object_name`.
 */
export function objectNameParts(bucket: string, name: string, allows: (part: string) => boolean): string[] {
  const parts = name.split('/');
  const bad = parts.some((part) => part === '' || part === '.' || part === '..' || !part.isWellFormed() || !allows(part));
  if (!bad && /^[a-z0-9][a-z0-9._-]*$/.test(bucket)) return parts;
  throw new Problem(422, 'invalid_object_name', `${JSON.stringify(`${bucket}/${name}`)} is no name of an object.`);
}

/** When an object is longer than what its reader can take. */
export function objectTooLarge(bucket: string, name: string, maxBytes: number): Problem {
  return new Problem(413, 'object_too_large', `The object "${name}" in "${bucket}" is larger than ${maxBytes} bytes.`);
}
