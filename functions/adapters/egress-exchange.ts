/** One request and its reply, within limits of time and size. */

import type { Dispatcher } from 'undici';
import { Problem } from '../core/errors.ts';
import type { EgressReply, EgressRequest } from '../core/ports.ts';
import { denied } from './egress-target.ts';

/** A request whose reply is read as it comes. */
export type OpenRequest = Omit<EgressRequest, 'method'> & { readonly method?: 'GET' | 'POST' | 'DELETE' };

/** Its body is to be read or cancelled. More of it than the request's `maxBytes` is an error in the midst of it. */
export interface OpenReply extends Omit<EgressReply, 'body'> {
  readonly body: AsyncIterable<Buffer>;
  cancel(): void;
}

/** Sends `request` to `url`, and reads the whole reply. Throws `Problem` `egress_too_large`, or what undici throws. */
export async function exchange(
  dispatcher: Dispatcher,
  url: URL,
  request: EgressRequest,
  signal: AbortSignal,
): Promise<EgressReply> {
  const { body, cancel: _, ...head } = await opened(dispatcher, url, request, signal);
  const chunks: Buffer[] = [];
  for await (const chunk of body) chunks.push(chunk);
  return { ...head, body: Buffer.concat(chunks) };
}

/** Sends `request` to `url`, and gives the reply as soon as it begins. */
export async function opened(
  dispatcher: Dispatcher,
  url: URL,
  { method = 'GET', headers = {}, body, maxBytes }: OpenRequest,
  signal: AbortSignal,
): Promise<OpenReply> {
  const options = { method, headers: allowedHeaders(headers), body, signal };
  const reply = await dispatcher.request({ origin: url.origin, path: url.pathname + url.search, ...options });
  const replyHeaders = Object.entries(reply.headers).map(([name, value]) => [name, [value ?? ''].flat().join(', ')]);
  return {
    status: reply.statusCode,
    headers: Object.fromEntries(replyHeaders),
    body: atMost(maxBytes, reply.body as AsyncIterable<Buffer>),
    // Destroyed before its end it says so in an error, which is for nobody.
    cancel: () => void reply.body.on('error', () => {}).destroy(),
  };
}

async function* atMost(maxBytes: number, body: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  let size = 0;
  for await (const chunk of body) {
    size += chunk.length;
    if (size > maxBytes) throw new Problem(502, 'egress_too_large', `The reply is longer than ${maxBytes} bytes.`);
    yield chunk;
  }
}

/**
 * Runs `run` for at most `timeoutMs`, until `outer` aborts. Throws `Problem` `egress_timeout`, the reason of `outer`, or what
 * went wrong as a `Problem`. It does not wait for `run` to notice: undici lets a request that waits for its connection wait on.
 */
export async function within<T>(
  timeoutMs: number,
  outer: AbortSignal | undefined,
  run: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  outer?.throwIfAborted();
  const controller = new AbortController();
  const { promise: stopped, reject } = Promise.withResolvers<never>();
  const stop = (reason: unknown) => {
    controller.abort(reason);
    reject(reason);
  };
  const giveUp = () => stop(outer?.reason);
  const timer = setTimeout(() => stop(new Problem(504, 'egress_timeout', 'The address did not answer in time.')), timeoutMs);
  outer?.addEventListener('abort', giveUp, { once: true });
  try {
    return await Promise.race([run(controller.signal), stopped]);
  } catch (error) {
    throw controller.signal.aborted ? controller.signal.reason : problemOf(error);
  } finally {
    clearTimeout(timer);
    outer?.removeEventListener('abort', giveUp);
  }
}

/** What frames or routes a request is egress's own to set. */
const OWN_HEADERS = new Set([
  ...['accept-encoding', 'connection', 'content-length', 'expect', 'host', 'keep-alive', 'proxy-authorization'],
  ...['proxy-connection', 'te', 'trailer', 'transfer-encoding', 'upgrade'],
]);

function allowedHeaders(headers: Readonly<Record<string, string>>): Record<string, string> {
  const allowed: Record<string, string> = { 'accept-encoding': 'identity' };
  for (const [name, value] of Object.entries(headers)) {
    const lower = name.toLowerCase();
    const taken = OWN_HEADERS.has(lower) || Object.hasOwn(allowed, lower);
    if (taken || !/^[\w!#$%&'*+.^`|~-]+$/.test(name)) throw denied(`the header ${JSON.stringify(name)} cannot be set`);
    if (!/^[\t\x20-\x7e]*$/.test(value)) throw denied(`the value of the header ${name} has characters that a header does not have`);
    allowed[lower] = value;
  }
  return allowed;
}

function problemOf(error: unknown): Problem {
  if (error instanceof Problem) return error;
  const { code } = error as { code?: string };
  if (code === 'ENOTFOUND' || code === 'ENODATA') return denied('its host has no address');
  return new Problem(502, 'egress_failed', `The address did not answer properly (${code ?? 'unknown'}).`, { cause: error });
}
