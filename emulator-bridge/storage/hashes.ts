import { createHash } from 'node:crypto';
import { crc32c } from './crc32c.ts';
import { invalid } from './errors.ts';

/** Both checksums of an object, base64, of what has been seen so far. */
export interface Hashes {
  update(bytes: Uint8Array): void;
  crc32c(): string;
  md5(): string;
}

/** What a client says that its bytes sum up to. */
export interface Claimed {
  readonly crc32c?: string;
  readonly md5?: string;
}

export function newHashes(): Hashes {
  const crc = crc32c();
  const md5 = createHash('md5');
  return {
    update(bytes) {
      crc.update(bytes);
      md5.update(bytes);
    },
    crc32c: () => crc.base64(),
    md5: () => md5.copy().digest('base64'),
  };
}

/** Reads `X-Goog-Hash: crc32c=…,md5=…` and `Content-MD5`. */
export function claimedIn(headers: Readonly<Record<string, string | string[] | undefined>>): Claimed {
  const pairs = String(headers['x-goog-hash'] ?? '')
    .split(',')
    .map((pair) => pair.trim())
    .map((pair) => [pair.slice(0, pair.indexOf('=')), pair.slice(pair.indexOf('=') + 1)] as const);
  const given = Object.fromEntries(pairs);
  const md5 = given.md5 ?? headers['content-md5'];
  return { ...(given.crc32c && { crc32c: given.crc32c }), ...(md5 && { md5: String(md5) }) };
}

/** Throws `StorageError` 400 where they differ. */
export function checkHashes(hashes: Hashes, claims: readonly Claimed[]): void {
  for (const { crc32c, md5 } of claims) {
    if (crc32c !== undefined && crc32c !== hashes.crc32c())
      throw invalid(`Provided CRC32C "${crc32c}" doesn't match calculated CRC32C "${hashes.crc32c()}".`);
    if (md5 !== undefined && md5 !== hashes.md5())
      throw invalid(`Provided MD5 hash "${md5}" doesn't match calculated MD5 hash "${hashes.md5()}".`);
  }
}
