import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { Bucket, FileMetadata } from '@google-cloud/storage';
import { LONGEST_CALL_MS, TRY_MS } from './storage-client.ts';
import { within } from './within.ts';

/** What is not longer goes in one request, which the client repeats; a longer one in requests of that size. */
const CHUNK_BYTES = 8_388_608;

/** What an object is to have beside its content. */
export type Described = Pick<
  FileMetadata,
  'cacheControl' | 'contentDisposition' | 'contentEncoding' | 'contentLanguage' | 'contentType' | 'metadata'
>;

/** Of an object that is to be replaced: what of it is to stay. */
export function described(object: FileMetadata | undefined): Described {
  const { cacheControl, contentDisposition, contentEncoding, contentLanguage, contentType, metadata } = object ?? {};
  const all = { cacheControl, contentDisposition, contentEncoding, contentLanguage, contentType, metadata };
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined));
}

/** Writes an object that is not there yet, of any length; checked against the bytes that were sent. */
export async function stageObject(
  bucket: Bucket,
  name: string,
  content: AsyncIterable<Buffer>,
  metadata: Described,
): Promise<FileMetadata> {
  const { bytes, rest } = await upTo(CHUNK_BYTES, content);
  if (rest === undefined) return stageBytes(bucket, name, bytes, metadata);
  const file = bucket.file(name);
  const options = { validation: 'crc32c', metadata, contentType: metadata.contentType } as const;
  const all = Readable.from(inOrder([bytes], rest));
  await pipeline(all, file.createWriteStream({ ...options, resumable: true, chunkSize: CHUNK_BYTES }));
  return file.metadata;
}

/** The same, of what is there as a whole. */
export async function stageBytes(bucket: Bucket, name: string, bytes: Buffer, metadata: Described): Promise<FileMetadata> {
  const file = bucket.file(name);
  const options = { validation: 'crc32c', metadata, contentType: metadata.contentType } as const;
  await within(LONGEST_CALL_MS, file.save(bytes, { ...options, resumable: false, timeout: TRY_MS }));
  return file.metadata;
}

/** What comes first, all of it if it is not longer than `most`, and what is left otherwise. */
export async function upTo(
  most: number,
  content: AsyncIterable<Buffer>,
): Promise<{ readonly bytes: Buffer; readonly rest?: AsyncIterable<Buffer> }> {
  const parts = content[Symbol.asyncIterator]();
  const first: Buffer[] = [];
  let length = 0;
  while (length <= most) {
    const { done, value } = await parts.next();
    if (done) return { bytes: first.length === 1 ? (first[0] as Buffer) : Buffer.concat(first, length) };
    first.push(value);
    length += value.length;
  }
  return { bytes: Buffer.concat(first, length), rest: { [Symbol.asyncIterator]: () => parts } };
}

export async function* inOrder(first: Buffer[], rest: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  yield* first.splice(0);
  yield* rest;
}
