import { bucketName, type Naming } from '../core/addresses.ts';
import { Problem } from '../core/errors.ts';
import type { Objects } from '../core/ports.ts';
import { objectNameParts, objectTooLarge } from './object-name.ts';
import { LONGEST_CALL_MS, statusOf, storageClient, TRY_MS } from './storage-client.ts';
import { within } from './within.ts';

/** Left to guess, the client loads a table of all types there are. */
const METADATA = { contentType: 'application/octet-stream' };
/** Of a whole name, in UTF-8. Source: Cloud Storage, "About objects", object name requirements. */
const NAME_BYTES = 1024;

/**
 * Object storage in Cloud Storage (or in a server that speaks its JSON API, by `STORAGE_EMULATOR_HOST`). What is stored with the
 * encoding gzip is given back unpacked. A `put` with `ifAbsent` whose first try succeeded without an answer says false, as if
 * somebody else had been first. Errors are `Problem` `objects_unavailable`; a bad name is `invalid_object_name`.
 */
export function cloudObjects(naming: Pick<Naming, 'project'>): Objects {
  const client = storageClient(naming.project);

  async function file(bucket: string, name: string) {
    objectNameParts(bucket, name, (part) => !/[\r\n]/.test(part) && Buffer.byteLength(name) <= NAME_BYTES);
    return (await client()).bucket(bucketName(naming, bucket)).file(name);
  }

  return {
    async put(bucket, name, bytes, { ifAbsent = false } = {}) {
      const target = await file(bucket, name);
      // In one request: a resumable upload takes two, and pays only where a connection breaks off after many megabytes.
      const options = { resumable: false, validation: 'crc32c', timeout: TRY_MS, metadata: METADATA } as const;
      const saved = target.save(bytes, ifAbsent ? { ...options, preconditionOpts: { ifGenerationMatch: 0 } } : options);
      return await within(LONGEST_CALL_MS, saved).then(
        () => true,
        (error) => {
          if (ifAbsent && statusOf(error) === 412) return false;
          throw unavailable(error);
        },
      );
    },

    async get(bucket, name, { maxBytes = Number.POSITIVE_INFINITY } = {}) {
      const source = (await file(bucket, name)).createReadStream({ validation: 'crc32c' });
      const late = setTimeout(() => source.destroy(new Error(`no end within ${LONGEST_CALL_MS} ms`)), LONGEST_CALL_MS);
      const chunks: Buffer[] = [];
      let bytes = 0;
      try {
        for await (const chunk of source) {
          bytes += chunk.length;
          if (bytes > maxBytes) throw objectTooLarge(bucket, name, maxBytes);
          chunks.push(chunk);
        }
        return Buffer.concat(chunks, bytes);
      } catch (error) {
        if (error instanceof Problem) throw error;
        if (statusOf(error) === 404) return undefined;
        throw unavailable(error);
      } finally {
        clearTimeout(late);
      }
    },

    async delete(bucket, name, { version } = {}) {
      const target = await file(bucket, name);
      const options = { ignoreNotFound: true, ...(version !== undefined && { ifGenerationMatch: version }) };
      await within(LONGEST_CALL_MS, target.delete(options)).catch((error) => {
        if (version === undefined || statusOf(error) !== 412) throw unavailable(error);
      });
    },

    async list(bucket, prefix, { cursor, limit = 1000 } = {}) {
      const source = (await file(bucket, 'any')).bucket;
      const query = { prefix, maxResults: limit, autoPaginate: false, pageToken: cursor };
      const page = await within(LONGEST_CALL_MS, source.getFiles(query)).catch((error) => {
        throw unavailable(error);
      });
      const [files] = page;
      // Typed as an object always; it is null behind the last page.
      const following = page[1] as { pageToken?: string } | null;
      const objects = files.map(({ name, metadata }) => ({
        name,
        bytes: Number(metadata.size),
        writtenAt: Date.parse(metadata.timeCreated as string),
        version: String(metadata.generation),
      }));
      return { objects, ...(following?.pageToken && { next: following.pageToken }) };
    },
  };
}

function unavailable(cause: unknown): Problem {
  return new Problem(503, 'objects_unavailable', 'Cloud Storage did not answer as it should.', { cause });
}
