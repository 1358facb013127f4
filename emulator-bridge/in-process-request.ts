/** A request to a room of this process, without a socket in between. */

import { IncomingMessage, type OutgoingHttpHeader, type OutgoingHttpHeaders, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Room } from '../functions/core/runtime.ts';
import { LOOPBACK } from './loopback.ts';

export interface InProcessRequest {
  readonly method: string;
  /** With its query. */
  readonly path: string;
  /** By lower-case name. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
}

export interface InProcessReply {
  readonly status: number;
  readonly headers: Readonly<OutgoingHttpHeaders>;
  readonly body: Buffer;
}

/**
 * Calls the room with Node's own request and response. `done` is called once, when the room has ended its answer, or with
 * `undefined` when it broke off. The result cuts the request as a client does that goes away; `done` is not called after that.
 *
 * Differs from HTTP in that the body lies ready as a whole, as the functions framework leaves it (`rawBody`), that interim answers
 * are dropped, and that an answer is seen at its end alone. Without timers, so that the same calls give the same order.
 */
export function requestInProcess(
  room: Room,
  { method, path, headers, body }: InProcessRequest,
  done: (reply: InProcessReply | undefined) => void,
): () => void {
  const request = new IncomingMessage(CALLER);
  request.method = method;
  request.url = path;
  request.httpVersion = '1.1';
  const bytes = Buffer.from(body ?? '');
  const own = body === undefined ? headers : { ...headers, 'content-length': String(bytes.length) };
  request.headers = { ...own };
  request.headersDistinct = Object.fromEntries(Object.entries(own).map(([name, value]) => [name, [value]]));
  Object.assign(request, { rawBody: bytes });
  const response = new InProcessResponse(request, done);
  room(request, response);
  return () => response.cut();
}

/** Where such a request comes from, for whoever asks: this machine. */
const CALLER = { remoteAddress: LOOPBACK, readable: false, destroyed: true } as unknown as Socket;

class InProcessResponse extends ServerResponse {
  readonly #chunks: Buffer[] = [];
  #done: ((reply: InProcessReply | undefined) => void) | undefined;

  constructor(request: IncomingMessage, done: (reply: InProcessReply | undefined) => void) {
    super(request);
    this.#done = done;
  }

  override writeHead(
    status: number,
    reason?: string | OutgoingHttpHeaders | OutgoingHttpHeader[],
    headers?: OutgoingHttpHeaders | OutgoingHttpHeader[],
  ): this {
    const given = (typeof reason === 'object' ? reason : headers) ?? {};
    // Node would write headers that are given here straight into its text, where nobody finds them again.
    for (const [name, value] of Object.entries(given as OutgoingHttpHeaders)) if (value !== undefined) this.setHeader(name, value);
    return super.writeHead(status);
  }

  override flushHeaders(): void {
    if (!this.headersSent) this.writeHead(this.statusCode);
  }

  override write(chunk: unknown, encoding?: unknown): boolean {
    this.flushHeaders();
    this.#chunks.push(bytesOf(chunk, encoding));
    return true;
  }

  override end(chunk?: unknown, encoding?: unknown): this {
    if (this.finished) return this;
    this.flushHeaders();
    if (chunk !== undefined && typeof chunk !== 'function') this.#chunks.push(bytesOf(chunk, encoding));
    this.finished = true;
    const [only = NOTHING] = this.#chunks;
    const body = this.#chunks.length > 1 ? Buffer.concat(this.#chunks) : only;
    this.#settle({ status: this.statusCode, headers: this.getHeaders(), body });
    queueMicrotask(() => this.emit('finish'));
    return this;
  }

  override destroy(): this {
    if (!this.destroyed) this.#settle(undefined);
    return this;
  }

  cut(): void {
    if (this.#done === undefined) return;
    this.#done = undefined;
    this.#close();
  }

  #settle(reply: InProcessReply | undefined): void {
    const done = this.#done;
    this.#done = undefined;
    this.#close();
    done?.(reply);
  }

  #close(): void {
    if (this.destroyed) return;
    this.destroyed = true;
    queueMicrotask(() => this.emit('close'));
  }
}

const NOTHING = Buffer.alloc(0);

const bytesOf = (chunk: unknown, encoding: unknown): Buffer =>
  typeof chunk === 'string'
    ? Buffer.from(chunk, typeof encoding === 'string' ? (encoding as BufferEncoding) : 'utf8')
    : Buffer.from(chunk as Uint8Array);
