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
  const file = bucket.file(name);
  const options = { validation: 'crc32c', metadata, contentType: metadata.contentType } as const;
  const rest = content[Symbol.asyncIterator]();
  const first: Buffer[] = [];
  let bytes = 0;
  let isWhole = false;
  while (bytes <= CHUNK_BYTES && !isWhole) {
    const { done, value } = await rest.next();
    isWhole = done === true;
    if (!done) first.push(value);
    bytes += done ? 0 : value.length;
  }
  if (isWhole) {
    await within(LONGEST_CALL_MS, file.save(Buffer.concat(first, bytes), { ...options, resumable: false, timeout: TRY_MS }));
  } else {
    const all = Readable.from(inOrder(first, { [Symbol.asyncIterator]: () => rest }));
    await pipeline(all, file.createWriteStream({ ...options, resumable: true, chunkSize: CHUNK_BYTES }));
  }
  return file.metadata;
}

async function* inOrder(first: Buffer[], rest: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  yield* first.splice(0);
  yield* rest;
}
