import type { IncomingMessage } from 'node:http';
import type { Readable } from 'node:stream';
import type { Contents } from './contents.ts';
import { invalid, StorageError } from './errors.ts';
import type { Fields } from './resource.ts';
import type { Store, Tables } from './store.ts';
import type { Running } from './turns.ts';

/** What every handler works on. */
export interface Site {
  /** Its own address, without a trailing slash. */
  readonly url: string;
  readonly store: Store;
  readonly contents: Contents;
  /** The resumable uploads that are under way in this process, by id. */
  readonly running: Map<string, Running>;
}

/** One request: the names of its path, decoded, in their order. */
export interface Call {
  readonly request: IncomingMessage;
  readonly names: readonly string[];
  readonly query: URLSearchParams;
}

export interface Reply {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string | number>>;
  readonly json?: unknown;
  readonly stream?: Readable;
}

export type Handler = (site: Site, call: Call) => Promise<Reply>;

const JSON_LIMIT_BYTES = 1 << 20;

/** The body as a JSON object; an empty one is `{}`. Throws `StorageError` 400, 413. */
export async function jsonBody(body: AsyncIterable<Uint8Array> | Iterable<Uint8Array>): Promise<Fields> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of body) {
    size += chunk.length;
    if (size > JSON_LIMIT_BYTES) throw new StorageError(413, 'uploadTooLarge', 'The JSON is larger than 1 MiB.');
    chunks.push(chunk);
  }
  if (size === 0) return {};
  let value: unknown;
  try {
    value = JSON.parse(Buffer.concat(chunks).toString());
  } catch {
    throw new StorageError(400, 'parseError', 'The body is no JSON.');
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw invalid('The body must be a JSON object.');
  return value as Fields;
}

/**
 * Changes the tables. `work` puts on its list the contents that lose a name; once the change is on disk, those that nothing
 * names any more are removed.
 */
export async function change<T>(site: Site, work: (tables: Tables, unnamed: string[]) => T): Promise<T> {
  const unnamed: string[] = [];
  const result = await site.store.write((tables) => work(tables, unnamed));
  for (const content of unnamed) {
    if (!(await site.store.read((tables) => tables.isContentUsed(content)))) await site.contents.remove(content);
  }
  return result;
}

/** RFC 3339, UTC. */
export function timestamp(): string {
  return new Date().toISOString();
}
