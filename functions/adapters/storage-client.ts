import { EventEmitter } from 'node:events';
import type { Storage } from '@google-cloud/storage';

/** Of one try; for an upload the server may take that long after its last byte. */
export const TRY_MS = 15_000;
/** Of one call with all of its tries: 30 MiB at 1 MiB a second. The client itself tries for ten minutes. */
export const LONGEST_CALL_MS = 30_000;
/** Seconds. */
const RETRIES = { maxRetries: 3, retryDelayMultiplier: 2, maxRetryDelay: 4, totalTimeout: 20 };
/** The client puts up to twelve on one stream of a download, and Node would report each such download as a leak of memory. */
const LISTENERS = 20;

/**
 * Google's client of Cloud Storage, loaded and made with the first call. It repeats whatever fails for a moment, so every write has to
 * bear that: it replaces the whole object by the same bytes, or has a precondition and looks at what is there when that fails.
 */
export function storageClient(projectId: string): () => Promise<Storage> {
  let opening: Promise<Storage> | undefined;
  return () => {
    opening ??= open(projectId);
    return opening;
  };
}

async function open(projectId: string): Promise<Storage> {
  const { IdempotencyStrategy, Storage } = await import('@google-cloud/storage');
  EventEmitter.defaultMaxListeners = Math.max(EventEmitter.defaultMaxListeners, LISTENERS);
  // To leave it to the preconditions would turn the retries of the whole client off with the first call that has none.
  const retryOptions = { ...RETRIES, autoRetry: true, idempotencyStrategy: IdempotencyStrategy.RetryAlways };
  return new Storage({ projectId, retryOptions, timeout: TRY_MS });
}

/** The HTTP status of a refusal; the client has it in one place or the other. */
export function statusOf(error: unknown): number {
  const { code, status } = error as { code?: unknown; status?: unknown };
  return Number(code ?? status);
}
