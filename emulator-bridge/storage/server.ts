/**
 * Cloud Storage's JSON API on loopback, over a folder: the objects of the emulator runtime, through the real client. Google ships
 * no emulator of it. What it does not speak is answered 501, never left out in silence.
 *
 * Source: cloud.google.com/storage/docs/json_api/v1.
 */

import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { Problem } from '../../functions/core/errors.ts';
import type { Log } from '../../functions/core/ports.ts';
import { closeServer, LOOPBACK, listenLoopback } from '../loopback.ts';
import { openContents } from './contents.ts';
import { StorageError } from './errors.ts';
import { type Lifecycle, startLifecycle } from './lifecycle.ts';
import { route } from './routes.ts';
import type { Reply, Site } from './site.ts';
import { openStore } from './store.ts';

export interface StorageServer {
  /** For `STORAGE_EMULATOR_HOST`; with the scheme, without which the client would not find it. */
  readonly url: string;
  readonly site: Site;
  close(): Promise<void>;
}

export interface StorageServerOptions {
  /** Where everything is kept: `storage.db` and `contents/`. */
  readonly folder: string;
  /** By default a free one. */
  readonly port?: number;
  readonly log: Log;
}

/** A session that nobody ends; Cloud Storage's too last a week. */
const SESSION_MS = 7 * 86_400_000;

/** Starts it. Throws `Problem` `data_in_use` when another process has the folder, Node's `EADDRINUSE` when the port is taken. */
export async function startStorageServer({ folder, port = 0, log }: StorageServerOptions): Promise<StorageServer> {
  await using release = new AsyncDisposableStack();
  const contents = await openContents(join(folder, 'contents'));
  const store = release.adopt(openStore(join(folder, 'storage.db')), (it) => it.close());
  await store.write((tables) => tables.removeUploadsBefore(Date.now() - SESSION_MS));
  // What a crash left behind, and what was deleted for good just before one.
  await store.read((tables) => contents.keepOnly((id) => tables.isContentUsed(id)));
  let site: Site;
  const server = createServer((request, response) => {
    answer(site, request, response).catch((error: unknown) => fail(log, request, response, error));
  });
  // Longer than any client keeps an idle connection: a request must not meet a socket that is just closing.
  server.keepAliveTimeout = 600_000;
  // An upload may take any time.
  server.requestTimeout = 0;
  const url = `http://${LOOPBACK}:${await listenLoopback(server, port)}`;
  release.defer(() => closeServer(server));
  site = { url, store, contents, running: new Map() };
  release.adopt(startLifecycle(site, log), (it: Lifecycle) => it.stop());
  const owned = release.move();
  return { url, site, close: () => owned.disposeAsync() };
}

/** An object, or what an error repeats of its request, may be somebody's page: it must not run here, nor in a page of elsewhere. */
const NO_PAGE = {
  'content-security-policy': "default-src 'none'; sandbox",
  'x-content-type-options': 'nosniff',
  'cross-origin-resource-policy': 'same-origin',
};

async function answer(site: Site, request: IncomingMessage, response: ServerResponse): Promise<void> {
  for (const [name, value] of Object.entries(NO_PAGE)) response.setHeader(name, value);
  checkSender(request);
  const [path = '', search = ''] = (request.url ?? '').split('?', 2);
  const { handler, names } = route(request.method ?? '', path);
  const reply = await handler(site, { request, names, query: new URLSearchParams(search) });
  await send(response, reply);
}

/**
 * A web page on this machine can send anything to loopback: with its own origin, under a name of its own rebound to it, or by leading
 * the browser here, which says then where from.
 */
function checkSender({ headers }: IncomingMessage): void {
  const isLed = !['none', undefined].includes(headers['sec-fetch-site'] as string | undefined);
  const isOwnName = /^(127\.0\.0\.1|localhost)(:\d+)?$/.test(headers.host ?? '');
  if (headers.origin !== undefined || isLed || !isOwnName) {
    throw new StorageError(403, 'forbidden', 'This server serves the programs of this machine, not web pages.');
  }
}

async function send(response: ServerResponse, { status, headers, json, stream }: Reply): Promise<void> {
  if (stream !== undefined) {
    try {
      response.writeHead(status ?? 200, headers);
    } catch (error) {
      // Its file is open already.
      stream.destroy();
      throw error;
    }
    await pipeline(stream, response);
    return;
  }
  if (json !== undefined) response.setHeader('content-type', 'application/json; charset=UTF-8');
  response.writeHead(status ?? 200, headers);
  response.end(json === undefined ? undefined : JSON.stringify(json));
}

function fail(log: Log, request: IncomingMessage, response: ServerResponse, error: unknown): void {
  if (response.headersSent || response.destroyed) {
    // A client that went away, or bytes that cannot be read any more: a short reply must not look whole.
    response.destroy();
    return;
  }
  const known = error instanceof StorageError ? error : unexpected(log, request, error);
  if (known.status === 304) {
    response.writeHead(304).end();
    return;
  }
  // Who asked for bytes gets the sentence alone: the client shows a body of any other kind as the message.
  const isMedia = /[?&]alt=media(&|$)/.test(request.url ?? '');
  response.writeHead(known.status, { 'content-type': isMedia ? 'text/plain; charset=UTF-8' : 'application/json; charset=UTF-8' });
  response.end(isMedia ? known.message : JSON.stringify(known.document()));
}

function unexpected(log: Log, request: IncomingMessage, error: unknown): StorageError {
  if (error instanceof Problem) return new StorageError(error.status, 'backendError', error.message, { cause: error });
  log.error({ method: request.method, url: request.url, err: error }, 'storage request failed');
  return new StorageError(503, 'backendError', 'The storage server could not do this; its log says why.', { cause: error });
}
