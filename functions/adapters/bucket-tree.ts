import type { Readable } from 'node:stream';
import type { Bucket, File } from '@google-cloud/storage';
import type { BucketPlace } from '../core/bucket-path.ts';
import { FileChanged, type FileEntry, type ProjectTree } from '../core/ports.ts';
import { generationOf } from './bucket-entries.ts';
import { listFolder } from './bucket-lists.ts';
import { objectNameOf } from './bucket-place.ts';
import { bucketProblem } from './bucket-problems.ts';
import { LONGEST_CALL_MS, statusOf } from './storage-client.ts';
import { within } from './within.ts';

const PIECE_BYTES = 1_048_576;

/** The tree of a place in a bucket. What is read of a file is one generation of its object, whole or not at all. */
export function bucketTree(bucket: Bucket, place: BucketPlace): ProjectTree {
  return {
    projectPath: place.path,

    async list(folder) {
      const found = await listFolder(bucket, place, folder).catch((error) => {
        throw bucketProblem(folder === '' ? place.path : `${place.path}/${folder}`, error);
      });
      return found.map(({ entry }) => entry);
    },

    async *read(file, { pieceBytes = PIECE_BYTES } = {}) {
      const object = bucket.file(objectNameOf(place, file.path));
      onlyOf(object, generationOf(file.stamp));
      try {
        let bytes = 0;
        const content = object.createReadStream({ validation: 'crc32c', decompress: false });
        for await (const piece of pieces(answering(content), pieceBytes)) {
          bytes += piece.length;
          yield piece;
        }
        if (bytes !== file.size) throw changed(file);
        // One piece comes at once; a longer reading may have been overtaken.
        if (file.size > pieceBytes) await within(LONGEST_CALL_MS, object.getMetadata());
      } catch (error) {
        if ([404, 412].includes(statusOf(error))) throw changed(file);
        throw bucketProblem(`${place.path}/${file.path}`, error);
      }
    },
  };
}

/**
 * Every request is for the live version, if that is the one: asked for by its generation, a bucket with versions would give an older
 * one too. The client itself sends no precondition with a reading.
 */
function onlyOf(object: File, generation: string): void {
  object.interceptors.push({
    request(options) {
      Object.assign((options as { qs: object }).qs, { ifGenerationMatch: generation });
      return options as typeof options & { uri: string };
    },
  });
}

/** However slowly its reader goes: whoever sends has to have the next part in time. */
async function* answering(source: Readable): AsyncGenerator<Buffer> {
  const parts: AsyncIterator<Buffer> = source[Symbol.asyncIterator]();
  try {
    for (;;) {
      const { done, value } = await within(LONGEST_CALL_MS, parts.next());
      if (done) return;
      yield value;
    }
  } finally {
    source.destroy();
  }
}

/** Pieces of one size, the last one shorter. */
async function* pieces(source: AsyncIterable<Buffer>, size: number): AsyncGenerator<Buffer> {
  let parts: Buffer[] = [];
  let bytes = 0;
  for await (const part of source) {
    parts.push(part);
    bytes += part.length;
    if (bytes < size) continue;
    const whole = Buffer.concat(parts, bytes);
    const end = bytes - (bytes % size);
    for (let at = 0; at < end; at += size) yield whole.subarray(at, at + size);
    parts = end === bytes ? [] : [whole.subarray(end)];
    bytes -= end;
  }
  if (bytes > 0) yield Buffer.concat(parts, bytes);
}

const changed = ({ path }: FileEntry) => new FileChanged(`${JSON.stringify(path)} changed while it was read.`);
