/**
 * Blobs: up to 4 MiB of content each, compressed, named by the SHA-256 of what is stored, so that one flipped bit anywhere is
 * found. A blob holds one piece of a large file, or small files one behind the other.
 */

import { hash } from 'node:crypto';
import { promisify } from 'node:util';
import { constants, zstdCompress, zstdDecompress } from 'node:zlib';
import { Problem } from '../errors.ts';
import type { Runtime } from '../runtime.ts';
import type { Known } from './known.ts';

export const BUCKET = 'backups';
export const BLOB_BYTES = 4_194_304;

/**
 * A backup has to end within this from the making of its id, or it ends as `backup_too_slow`: a sweep leaves alone whatever was
 * written or given up within twice that time, an hour for a slow last call, and another for clocks (20 minutes off to either side),
 * so that it never meets what a running backup is about to name.
 */
export const LONGEST_BACKUP_MS = 12 * 3_600_000;
export const SLOW_CALLS_MS = 3_600_000;
const CLOCKS_OFF_MS = 3_600_000;
export const SWEPT_AFTER_MS = 2 * LONGEST_BACKUP_MS + SLOW_CALLS_MS + CLOCKS_OFF_MS;

const compress = promisify(zstdCompress);
const decompress = promisify(zstdDecompress);

/**
 * Measured on 64 MiB of JavaScript in pieces of 4 MiB, one core: zstd at level 1 packs 509 MB/s to 16.4 %, at 3 384 MB/s to 14.0 %, at 6
 * 151 MB/s to 12.2 %; gzip at 6 75 MB/s to 18.9 %. A backup is waited for, so speed comes first.
 */
const LEVEL = 1;
/** What comes out in one turn of a thread: by Node's default a blob takes up to 256 of them, and more than twice the processor's time. */
const PACKED_CHUNK_BYTES = 262_144;

export const blobObject = (blob: string): string => `blobs/${blob.slice(0, 2)}/${blob}`;

/** `stored` is false when it was there already. */
export interface StoredBlob {
  readonly blob: string;
  readonly bytes: number;
  readonly stored: boolean;
}

/**
 * Stores content, unless the backup before has it. With `mayBeThere` (after a crash, say) it looks before it sends. What is there
 * and old may be about to be swept, so that it is stored once more under a name of its own; with `fresh` so is everything.
 */
export async function storeBlob(
  { objects, clock, ids }: Pick<Runtime, 'objects' | 'clock' | 'ids'>,
  pieces: readonly Buffer[],
  { known, mayBeThere, fresh }: { readonly known: Known; readonly mayBeThere: boolean; readonly fresh: boolean },
): Promise<StoredBlob> {
  const content = pieces.length === 1 ? (pieces[0] as Buffer) : Buffer.concat(pieces);
  const bytes = await compress(content, {
    chunkSize: PACKED_CHUNK_BYTES,
    params: { [constants.ZSTD_c_compressionLevel]: LEVEL },
  });
  const name = hash('sha256', bytes);
  const there = (blob: string): StoredBlob => ({ blob, bytes: bytes.length, stored: false });
  const isYoung = async (): Promise<boolean> => {
    const [found] = (await objects.list(BUCKET, blobObject(name), { limit: 1 })).objects;
    return found?.name === blobObject(name) && clock.now() - found.writtenAt < LONGEST_BACKUP_MS;
  };
  const before = known.blob(name);
  if (before !== undefined) return there(before);
  if (!fresh) {
    if (mayBeThere && (await isYoung())) return there(name);
    if (await objects.put(BUCKET, blobObject(name), bytes, { ifAbsent: true })) return { ...there(name), stored: true };
    if (await isYoung()) return there(name);
  }
  const again = `${name}-${ids.random(8)}`;
  await objects.put(BUCKET, blobObject(again), bytes);
  return { ...there(again), stored: true };
}

/** A blob's content, checked against its name. Throws `Problem` `backup_corrupt`. */
export async function loadBlob(parts: Pick<Runtime, 'objects'>, blob: string): Promise<Buffer> {
  const bytes = await packedBlob(parts, blob);
  return decompress(bytes, { chunkSize: BLOB_BYTES, maxOutputLength: BLOB_BYTES });
}

/** A blob as it is stored: every bit of it is what its name says. Throws `Problem` `backup_corrupt`. */
export async function packedBlob({ objects }: Pick<Runtime, 'objects'>, blob: string): Promise<Buffer> {
  const bytes = await objects.get(BUCKET, blobObject(blob));
  if (bytes === undefined) throw corrupt(`the blob ${blob} is missing`);
  if (hash('sha256', bytes) !== blob.slice(0, 64)) throw corrupt(`the blob ${blob} is not what was stored`);
  return bytes;
}

/** `what` goes on behind "The backup cannot be used: ". */
export const corrupt = (what: string): Problem => new Problem(500, 'backup_corrupt', `The backup cannot be used: ${what}.`);
