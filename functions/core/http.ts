/**
 * The edge: JSON in, JSON out, every error an RFC 9457 problem document with a stable code.
 */

import diagnostics from 'node:diagnostics_channel';
import type { IncomingMessage, ServerResponse } from 'node:http';
import newRouter, { type NextFunction, type Request, type Response, type Router } from 'router';
import * as z from 'zod';
import { Problem } from './errors.ts';
import { fieldIssues } from './field-issues.ts';
import { measured } from './measures.ts';
import type { Room, Runtime } from './runtime.ts';
import { inTrace, TRACEPARENT } from './trace.ts';

const declared = new WeakMap<IncomingMessage, { type?: string; encoding?: string }>();

/**
 * Has the functions framework leave bodies as they came. Its own parser answers malformed JSON with an HTML page before any
 * handler runs, reads bodies without a content type not at all, and inflates compressed ones without a useful limit. Call once
 * per process, before the first request.
 */
export function takeBodiesRaw(): void {
  if (diagnostics.channel('http.server.request.start').hasSubscribers) return;
  diagnostics.subscribe('http.server.request.start', (message) => {
    const { request } = message as { request: IncomingMessage };
    declared.set(request, { type: request.headers['content-type'], encoding: request.headers['content-encoding'] });
    request.headers['content-type'] = 'application/octet-stream';
    delete request.headers['content-encoding'];
  });
}

/**
 * A router of this function, with `/healthz` (and the same at `/`, where a browser looks first), and a problem document for what
 * nothing matches and what throws.
 */
export function room(
  runtime: Pick<Runtime, 'name' | 'version' | 'clock' | 'log'>,
  dependsOn: readonly string[],
  routes: (router: Router) => void,
): Room {
  const router = newRouter();
  router.get(HEALTH_PATHS, (_request, response) =>
    send(response, 200, { status: 'ok', function: runtime.name, version: runtime.version, dependsOn }),
  );
  routes(router);
  router.use((request: Request) => {
    throw new Problem(404, 'not_found', `There is no ${request.method} ${pathOf(request).slice(0, 200)} here.`);
  });
  router.use((error: unknown, request: Request, response: Response, _next: NextFunction) =>
    sendProblem(runtime, request, response, error),
  );
  const made: Room = (request, response) => {
    timed(runtime, request, response);
    inTrace(request.headers[TRACEPARENT], () =>
      router(request as Request, response as Response, (error: unknown) => sendProblem(runtime, request, response, error)),
    );
  };
  routers.set(made, router);
  return made;
}

/** How long a request takes until all of its answer is sent, by its route: what nothing matches is one. */
function timed({ name, clock }: Pick<Runtime, 'name' | 'clock'>, request: IncomingMessage, response: ServerResponse): void {
  const begunAt = clock.now();
  response.once('finish', () =>
    measured(() => {
      const route = (request as { route?: { readonly path?: string | readonly string[] } }).route?.path;
      const [method, pattern] = route === undefined ? ['any', 'none'] : [request.method ?? '', String([route].flat()[0])];
      const seconds = (clock.now() - begunAt) / 1000;
      return { kind: 'request', function: name, method, route: pattern, status: response.statusCode, seconds };
    }),
  );
}

const routers = new WeakMap<Room, Router>();

/** What a room answers to, with its parameters as `:name`. That `HEAD` goes with `GET` is not said. */
export function routesOf(room: Room): { readonly method: string; readonly path: string }[] {
  const routes = routers.get(room)?.listRoutes() ?? [];
  return routes.flatMap(({ path, methods = [] }) =>
    methods.filter((method) => method !== 'HEAD').map((method) => ({ method, path: String(path) })),
  );
}

const HEALTH_PATHS = ['/', '/healthz'];

/** Whether somebody only asks if this function lives. */
export const isHealthCheck = (request: IncomingMessage): boolean => HEALTH_PATHS.includes(pathOf(request));

/** Sends a value as JSON. */
export function send(
  response: ServerResponse,
  status: number,
  value: unknown,
  headers: Readonly<Record<string, string>> = {},
): void {
  const body = JSON.stringify(value);
  const length = Buffer.byteLength(body);
  response.writeHead(status, { 'content-type': 'application/json; charset=utf-8', 'content-length': length, ...headers });
  // As text, which Node sends in one piece with the headers.
  response.end(body);
}

/**
 * Sends an error as a problem document. What is not a `Problem` is logged as an error and shown as 500 without its details; a
 * 5xx that was meant (a retry asked for, a store out of reach) is only a warning.
 */
export function sendProblem(
  runtime: Pick<Runtime, 'log'>,
  request: IncomingMessage,
  response: ServerResponse,
  error: unknown,
): void {
  const problem = asProblem(error);
  if (problem.code === 'internal') runtime.log.error({ err: error, url: request.url }, 'A request failed.');
  else if (problem.status >= 500)
    runtime.log.warn(
      { url: request.url, code: problem.code, reason: problem.message, ...(problem.cause !== undefined && { err: problem.cause }) },
      'A request is to be repeated.',
    );
  if (response.headersSent) {
    response.destroy();
    return;
  }
  const headers: Record<string, string> = { 'content-type': 'application/problem+json; charset=utf-8' };
  if (problem.retryAfterSeconds !== undefined) headers['retry-after'] = String(problem.retryAfterSeconds);
  if (problem.status === 401) headers['www-authenticate'] = 'Bearer';
  send(response, problem.status, problem.document(), headers);
}

function asProblem(error: unknown): Problem {
  if (error instanceof Problem) return error;
  if (error instanceof URIError) return new Problem(400, 'invalid_url', 'The path is not correctly percent-encoded.');
  return new Problem(500, 'internal', 'Something went wrong here; the details are in the log.', { cause: error });
}

/** The most that Cloud Run takes. */
const MAX_BODY_BYTES = 32 * 1024 * 1024;
/** The most from a caller who has proved nothing before the body is read: parsing takes up to a hundred times as much memory. */
export const UNPROVEN_BODY_BYTES = 1024 * 1024;

/**
 * The body's bytes, before any parsing: what the functions framework has read, else what is read now. Throws `Problem` 413
 * `request_too_large` above `maxBytes`, 400 `incomplete_body`.
 */
export async function rawBody(request: IncomingMessage, maxBytes = MAX_BODY_BYTES): Promise<Buffer> {
  const { rawBody: read } = request as { rawBody?: Buffer };
  const tooLarge = () => new Problem(413, 'request_too_large', `The body is larger than ${maxBytes} bytes.`);
  if ((read?.length ?? Number(request.headers['content-length'] ?? 0)) > maxBytes) throw tooLarge();
  if (read !== undefined || request.readableEnded) return read ?? Buffer.alloc(0);
  const chunks = await chunksOf(request, maxBytes, tooLarge);
  return chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks);
}

function chunksOf(request: IncomingMessage, maxBytes: number, tooLarge: () => Problem): Promise<Buffer[]> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let bytes = 0;
    const broken = (cause: Error) =>
      reject(new Problem(400, 'incomplete_body', 'The connection ended before the body did.', { cause }));
    request.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes <= maxBytes) chunks.push(chunk);
      else reject(tooLarge());
    });
    request.on('end', () => resolve(chunks));
    request.on('error', broken);
  });
}

/** The bytes of a JSON body. Throws `Problem` 415 `unsupported_media_type`, and what `rawBody` throws. */
export async function jsonBytes(request: IncomingMessage, maxBytes = MAX_BODY_BYTES): Promise<Buffer> {
  const { type, encoding } = declared.get(request) ?? {
    type: request.headers['content-type'],
    encoding: request.headers['content-encoding'],
  };
  if (encoding !== undefined && encoding !== 'identity') {
    throw new Problem(415, 'unsupported_media_type', 'Compressed bodies are not taken; send the JSON as it is.');
  }
  if (!/^application\/(?:[\w.+-]+\+)?json\s*(?:;|$)/i.test(type ?? '')) {
    throw new Problem(415, 'unsupported_media_type', "Send JSON, with the header 'Content-Type: application/json'.");
  }
  return rawBody(request, maxBytes);
}

/** The body as JSON. Throws what `jsonBytes` and `parsedJson` throw. */
export const jsonBody = async (request: IncomingMessage, maxBytes = MAX_BODY_BYTES): Promise<unknown> =>
  parsedJson(await jsonBytes(request, maxBytes));

/** Throws `Problem` 400 `invalid_json`. */
export function parsedJson(bytes: Buffer): unknown {
  try {
    return JSON.parse(UTF8.decode(bytes));
  } catch (error) {
    throw new Problem(400, 'invalid_json', `The body is not JSON: ${(error as Error).message.slice(0, 200)}`);
  }
}

const UTF8 = new TextDecoder('utf-8', { fatal: true });

/** A value checked against a schema. Throws `Problem` 422 `invalid_fields` that names every bad field. */
export function checked<T extends z.ZodType>(schema: T, value: unknown): z.output<T> {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const issues = fieldIssues(parsed.error, 'is not a field of this request');
  throw invalidFields(issues.map((issue) => ({ ...issue, field: issue.field || '(body)' })));
}

/** A 422 for fields that are well-formed and still not allowed. */
export function invalidFields(fields: readonly { field: string; code: string; message: string }[]): Problem {
  const shown = fields.slice(0, 5).map(({ field, message }) => `${field} ${message}`);
  return new Problem(422, 'invalid_fields', `${shown.join('; ')}${fields.length > 5 ? '; …' : ''}.`, {
    fields: fields.slice(0, 50),
  });
}

/** The query of a request, each name once: the last one stands. */
export function queryOf(request: IncomingMessage): Record<string, string> {
  return Object.fromEntries(new URLSearchParams((request.url ?? '').split('?').slice(1).join('?')));
}

const pathOf = (request: IncomingMessage): string => (request.url ?? '').split('?', 1)[0] ?? '';

/** `?limit=` (0–200, default 50) and `?cursor=` of a list. */
export const paging = { limit: z.coerce.number().int().min(0).max(200).default(50), cursor: z.string().max(2_000).optional() };
