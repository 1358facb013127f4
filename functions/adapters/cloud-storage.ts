import { EventEmitter } from 'node:events';
import type { Storage } from '@google-cloud/storage';
import { bucketName, type Naming } from '../core/addresses.ts';
import { Problem } from '../core/errors.ts';
import type { Objects } from '../core/ports.ts';
import { objectNameParts, objectTooLarge } from './object-name.ts';
import { within } from './within.ts';

/** Of one call with all of its tries: 30 MiB at 1 MiB a second. The client itself tries for ten minutes. */
const LONGEST_MS = 30_000;
/** Of one try; for an upload the server may take that long after its last byte. */
const TRY_MS = 15_000;
/** Seconds. */
const RETRIES = { maxRetries: 3, retryDelayMultiplier: 2, maxRetryDelay: 4, totalTimeout: 20 };
/** Left to guess, the client loads a table of all types there are. */
const METADATA = { contentType: 'application/octet-stream' };
/** The client puts up to twelve on one stream of a download, and Node would report each such download as a leak of memory. */
const LISTENERS = 20;
/** Of a whole name, in UTF-8. Source: Cloud Storage, "About objects", object name requirements. */
const NAME_BYTES = 1024;

/**
 * Object storage in Cloud Storage (or in a server that speaks its JSON API, by `STORAGE_EMULATOR_HOST`). What is stored with the
 * encoding gzip is given back unpacked. A `put` with `ifAbsent` whose first try succeeded without an answer says false, as if
 * somebody else had been first. Errors are `Problem` `objects_unavailable`; a bad name is `invalid_object_name`.
 */
export function cloudObjects(naming: Pick<Naming, 'project'>): Objects {
  let opening: Promise<Storage> | undefined;

  async function file(bucket: string, name: string) {
    objectNameParts(bucket, name, (part) => !/[\r\n]/.test(part) && Buffer.byteLength(name) <= NAME_BYTES);
    opening ??= open(naming.project);
    return (await opening).bucket(bucketName(naming, bucket)).file(name);
  }

  return {
    async put(bucket, name, bytes, { ifAbsent = false } = {}) {
      const target = await file(bucket, name);
      // In one request: a resumable upload takes two, and pays only where a connection breaks off after many megabytes.
      const options = { resumable: false, validation: 'crc32c', timeout: TRY_MS, metadata: METADATA } as const;
      const saved = target.save(bytes, ifAbsent ? { ...options, preconditionOpts: { ifGenerationMatch: 0 } } : options);
      return await within(LONGEST_MS, saved).then(
        () => true,
        (error) => {
          if (ifAbsent && statusOf(error) === 412) return false;
          throw unavailable(error);
        },
      );
    },

    async get(bucket, name, { maxBytes = Number.POSITIVE_INFINITY } = {}) {
      const source = (await file(bucket, name)).createReadStream({ validation: 'crc32c' });
      const late = setTimeout(() => source.destroy(new Error(`no end within ${LONGEST_MS} ms`)), LONGEST_MS);
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
      await within(LONGEST_MS, target.delete(options)).catch((error) => {
        if (version === undefined || statusOf(error) !== 412) throw unavailable(error);
      });
    },

    async list(bucket, prefix, { cursor, limit = 1000 } = {}) {
      const source = (await file(bucket, 'any')).bucket;
      const query = { prefix, maxResults: limit, autoPaginate: false, pageToken: cursor };
      const page = await within(LONGEST_MS, source.getFiles(query)).catch((error) => {
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

async function open(projectId: string): Promise<Storage> {
  const { IdempotencyStrategy, Storage } = await import('@google-cloud/storage');
  EventEmitter.defaultMaxListeners = Math.max(EventEmitter.defaultMaxListeners, LISTENERS);
  // Everything here may be repeated: a write replaces the whole object by the same bytes. To leave that to the preconditions would
  // turn the retries of the whole client off with the first call that has none.
  const retryOptions = { ...RETRIES, autoRetry: true, idempotencyStrategy: IdempotencyStrategy.RetryAlways };
  return new Storage({ projectId, retryOptions, timeout: TRY_MS });
}

/** The HTTP status of a refusal; the client has it in one place or the other. */
function statusOf(error: unknown): number {
  const { code, status } = error as { code?: unknown; status?: unknown };
  return Number(code ?? status);
}

function unavailable(cause: unknown): Problem {
  return new Problem(503, 'objects_unavailable', 'Cloud Storage did not answer as it should.', { cause });
}
