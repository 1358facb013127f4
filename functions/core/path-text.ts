/**
 * Paths as text. A file's name is bytes; almost always they are UTF-8. A byte that is not stands as one lone surrogate (U+DC80 to
 * U+DCFF), so that every name goes through JSON and back unchanged.
 *
 * Source: Python's PEP 383, "Non-decodable Bytes in System Character Interfaces".
 */

import { Problem } from './errors.ts';

/** A name or path as text. */
export function textOfPath(bytes: Buffer): string {
  const text = bytes.toString('utf8');
  // The replacement character stands for what could not be read, or, seldom, for itself.
  return text.includes('\ufffd') ? escaped(bytes) : text;
}

/** The bytes that `textOfPath` has read. Throws `Problem` `path_invalid` for a surrogate that stands for no byte. */
export function bytesOfPath(path: string): Buffer {
  if (path.isWellFormed()) return Buffer.from(path);
  const parts = Array.from(path, (character) => {
    const code = character.codePointAt(0) as number;
    if (code < 0xd800 || code > 0xdfff) return Buffer.from(character);
    if (code >= 0xdc80 && code <= 0xdcff) return Buffer.of(code - 0xdc00);
    throw new Problem(422, 'path_invalid', `${JSON.stringify(path)} is no path: it holds half of a character.`);
  });
  return Buffer.concat(parts);
}

function escaped(bytes: Buffer): string {
  let text = '';
  for (let at = 0; at < bytes.length; ) {
    const length = [1, 2, 3, 4].find((size) => at + size <= bytes.length && isCharacter(bytes.subarray(at, at + size)));
    text += length === undefined ? String.fromCharCode(0xdc00 + (bytes[at] as number)) : bytes.toString('utf8', at, at + length);
    at += length ?? 1;
  }
  return text;
}

function isCharacter(bytes: Buffer): boolean {
  const text = bytes.toString('utf8');
  return Buffer.from(text).equals(bytes);
}
