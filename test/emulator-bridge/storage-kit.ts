/** What the storage server's tests share: the server on a folder of its own, and Google's client pointed at it. */

import { EventEmitter } from 'node:events';
import { type Bucket, Storage } from '@google-cloud/storage';
import { type StorageServer, startStorageServer } from '../../emulator-bridge/storage/server.ts';
import { temporaryFolder } from '../support/folder.ts';
import { quiet } from './kit.ts';

// The client puts twelve listeners on one stream of a download, and Node would report each as a leak; the adapter allows them as well.
EventEmitter.defaultMaxListeners = Math.max(EventEmitter.defaultMaxListeners, 20);

export const BUCKET = 'project-heliograph-payloads';

export interface StorageKit {
  readonly server: StorageServer;
  readonly storage: Storage;
  readonly folder: string;
  /** A bucket, made anew. */
  bucket(name?: string, metadata?: Record<string, unknown>): Promise<Bucket>;
  /** Stops the server and starts it again on the same folder and port. */
  restart(): Promise<void>;
  /** A request as somebody else's client would send it. */
  send(method: string, path: string, options?: RequestInit): Promise<Response>;
  close(): Promise<void>;
}

export async function storageKit(): Promise<StorageKit> {
  const folder = temporaryFolder();
  let server = await startStorageServer({ folder: folder.path, log: quiet });
  const storage = new Storage({ projectId: 'project', apiEndpoint: server.url, retryOptions: { autoRetry: false } });
  return {
    get server() {
      return server;
    },
    storage,
    folder: folder.path,
    async bucket(name = BUCKET, metadata = {}) {
      const [bucket] = await storage.createBucket(name, metadata);
      return bucket;
    },
    async restart() {
      await server.close();
      server = await startStorageServer({ folder: folder.path, port: Number(new URL(server.url).port), log: quiet });
    },
    send: (method, path, options) => fetch(`${server.url}${path}`, { method, ...options }),
    async close() {
      await server.close();
      folder.remove();
    },
  };
}

/** The `code` (or, of a resumable upload, `status`) of what a call of the client rejects with. */
export function refusal(attempt: Promise<unknown>): Promise<number | undefined> {
  return attempt.then(
    () => undefined,
    (error: { code?: unknown; status?: unknown }) => Number(error.code ?? error.status),
  );
}
