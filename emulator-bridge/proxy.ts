/** A streaming reverse proxy to one origin: passes on bytes as they come, in both directions, and nothing of its own. */

import {
  type IncomingMessage,
  Agent as NodeAgent,
  type OutgoingHttpHeaders,
  request as open,
  type ServerResponse,
} from 'node:http';
import { sendProblem } from './problem-reply.ts';

export interface Proxy {
  forward(request: IncomingMessage, response: ServerResponse): void;
  close(): void;
}

/** Headers that belong to one connection. Source: RFC 9110, section 7.6.1. */
const HOP_BY_HOP = new Set([
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);

/**
 * Forwards to `origin` over kept connections. Answers 503 `function_unavailable` while nothing listens there, 502
 * `function_failed` when the connection breaks before an answer; a break after that cuts the client's connection.
 */
export function createProxy(name: string, origin: string): Proxy {
  const agent = new NodeAgent({ keepAlive: true, scheduling: 'lifo' });
  const { hostname, port } = new URL(origin);

  function forward(request: IncomingMessage, response: ServerResponse): void {
    const upstream = open({
      agent,
      hostname,
      port,
      method: request.method,
      path: request.url,
      headers: forwardedHeaders(request),
    });
    // An answered request may still be sending its body; only a client that has gone ends the call.
    response.once('close', () => {
      if (!response.writableFinished) upstream.destroy();
    });
    upstream.once('response', (reply) => {
      response.writeHead(
        reply.statusCode ?? 502,
        reply.statusMessage,
        endToEnd(reply.headers as Record<string, string | string[] | undefined>),
      );
      // SSE: the first event may come much later than the headers.
      response.flushHeaders();
      reply.pipe(response);
      reply.on('error', () => {});
      reply.once('close', () => {
        if (!reply.complete) response.destroy();
      });
    });
    upstream.once('error', (error: NodeJS.ErrnoException) => {
      request.unpipe(upstream);
      request.resume();
      if (response.destroyed) return;
      if (error.code === 'ECONNREFUSED') {
        sendProblem(response, 503, 'function_unavailable', `${name} is not running right now.`, { 'retry-after': '1' });
      } else {
        sendProblem(response, 502, 'function_failed', `${name} broke off before it answered.`);
      }
    });
    request.pipe(upstream);
  }

  return { forward, close: () => agent.destroy() };
}

/** Taken from the lines as they came: what else listens to this process's requests may have changed `request.headers`. */
function forwardedHeaders(request: IncomingMessage): OutgoingHttpHeaders {
  const { 'x-forwarded-for': before = [], 'transfer-encoding': encoding, ...rest } = request.headersDistinct;
  const headers: OutgoingHttpHeaders = {};
  for (const [name, values] of Object.entries(endToEnd(rest))) headers[name] = values?.length === 1 ? values[0] : values;
  // Without it Node would announce no body at all for a chunked one.
  if (encoding !== undefined) headers['transfer-encoding'] = 'chunked';
  headers['x-forwarded-for'] = [...before, request.socket.remoteAddress ?? ''].join(', ');
  return headers;
}

/** Where a message ends and whom it is for is no client's to strip: without its length, a body would be read as a second request. */
const KEPT = new Set(['content-length', 'host']);

function endToEnd<T extends string | string[] | undefined>(headers: Readonly<Record<string, T>>): Record<string, T> {
  const named = new Set(
    String(headers.connection ?? '')
      .split(',')
      .map((name) => name.trim().toLowerCase()),
  );
  return Object.fromEntries(
    Object.entries(headers).filter(([name]) => !HOP_BY_HOP.has(name) && (!named.has(name) || KEPT.has(name))),
  );
}
