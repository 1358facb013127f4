/**
 * One local address for all functions, as the load balancer's URL map gives it in the cloud: routes by the topology's prefixes.
 * Functions in this process get the request itself, without a second hop; those in processes of their own get it by proxy.
 */

import { createServer, type IncomingMessage, type RequestListener, type Server, type ServerResponse } from 'node:http';
import type { Log } from '../functions/core/ports.ts';
import type { FunctionRow } from '../functions/topology.ts';
import { frontHealth } from './front-health.ts';
import { frontPage } from './front-page.ts';
import type { ResponseClass } from './held-responses.ts';
import { closeServer, listenLoopback } from './loopback.ts';
import { sendProblem } from './problem-reply.ts';
import { createProxy } from './proxy.ts';
import { routeTable } from './routes.ts';

export interface FrontOptions {
  readonly functions: Readonly<Record<string, FunctionRow>>;
  /** Base URL of each function. */
  readonly urls: Readonly<Record<string, string>>;
  /** The servers of functions that run in this process. */
  readonly servers?: Readonly<Record<string, Server>>;
  /** What those answer with. */
  readonly response?: ResponseClass;
  /** 0 picks a free one. */
  readonly port: number;
  /** Whether to listen on the customary 8000 and 8080 too, where they are free. */
  readonly customaryPorts: boolean;
  readonly version: string;
  /** Answers `GET /metrics`. */
  readonly metrics?: RequestListener;
  readonly log: Log;
}

export interface Front {
  readonly url: string;
  /** What listens where, and which customary ports were taken: lines to print. */
  readonly notes: readonly string[];
  stop(graceMs?: number): Promise<void>;
}

/** Cloud Run's limit of one request. Source: cloud.google.com/run/quotas. */
const REQUEST_BYTES = 32 * 1024 * 1024;
/** The second address of everything, and the one of agent-light alone. */
const SECOND_PORT = 8000;
const AGENT_PORT = 8080;
const AGENT = 'agent-light';

/** Starts it. Rejects with Node's `EADDRINUSE` when `port` is taken; the customary ports are only noted. */
export async function startFront(options: FrontOptions): Promise<Front> {
  const { functions, urls, version, metrics, log } = options;
  const route = routeTable(functions);
  const health = frontHealth(urls, version);
  const targets = new Map(Object.entries(urls).map(([name, url]) => [name, target(name, url, options.servers?.[name])]));

  const guarded = (find: (path: string) => string | undefined, ownHealth: boolean): RequestListener => {
    return (request, response) => {
      if (refuse(request, response)) return;
      const path = (request.url ?? '/').split('?', 1)[0] as string;
      if (ownHealth && path === '/healthz') {
        health(response);
        return;
      }
      if (ownHealth && path === '/' && (request.method === 'GET' || request.method === 'HEAD')) {
        request.resume();
        response.writeHead(200, { 'content-type': 'text/plain; charset=utf-8', 'x-content-type-options': 'nosniff' });
        response.end(frontPage(version, `http://127.0.0.1:${request.socket.localPort}`));
        return;
      }
      const forward = targets.get(find(path) ?? '');
      if (ownHealth && path === '/metrics' && request.method === 'GET' && metrics !== undefined) metrics(request, response);
      else if (forward === undefined) {
        request.resume();
        sendProblem(response, 404, 'not_found', `Nothing is served at ${path.slice(0, 200)}.`);
      } else {
        forward.forward(request, response);
      }
    };
  };
  const everything = guarded(route, true);
  const servers: Server[] = [];
  const notes: string[] = [];

  async function listen(port: number, listener: RequestListener): Promise<number> {
    const server = createServer({ ServerResponse: options.response }, listener);
    // The length is judged before the client sends the body.
    server.on('checkContinue', (request: IncomingMessage, response: ServerResponse) => {
      if (!tooLarge(request)) response.writeContinue();
      listener(request as never, response as never);
    });
    server.keepAliveTimeout = 75_000;
    const actual = await listenLoopback(server, port);
    servers.push(server);
    return actual;
  }

  const port = await listen(options.port, everything);
  if (options.customaryPorts) {
    const customary: [number, string, RequestListener][] = [
      [SECOND_PORT, 'the same as the main address', everything],
      [AGENT_PORT, AGENT, guarded(() => AGENT, false)],
    ];
    for (const [extra, what, listener] of customary) {
      if (extra === port) continue;
      try {
        notes.push(`127.0.0.1:${await listen(extra, listener)}  ${what}`);
      } catch (error) {
        log.debug({ port: extra, error: String(error) }, 'customary port not used');
        notes.push(`127.0.0.1:${extra}  not used: the port is taken (${what})`);
      }
    }
  }

  return {
    url: `http://127.0.0.1:${port}`,
    notes,
    async stop(graceMs = 0) {
      await Promise.all(servers.map((server) => closeServer(server, graceMs)));
      for (const each of targets.values()) each.close();
    },
  };
}

interface Target {
  forward(request: IncomingMessage, response: ServerResponse): void;
  close(): void;
}

function target(name: string, url: string, server: Server | undefined): Target {
  if (server === undefined) return createProxy(name, url);
  return { forward: (request, response) => server.emit('request', request, response), close: () => {} };
}

function refuse(request: IncomingMessage, response: ServerResponse): boolean {
  if (!tooLarge(request)) return false;
  sendProblem(response, 413, 'request_too_large', `A request may have at most ${REQUEST_BYTES} bytes.`);
  // Reading on lets the client see the answer instead of a reset connection.
  request.resume();
  return true;
}

function tooLarge(request: IncomingMessage): boolean {
  return Number(request.headers['content-length'] ?? 0) > REQUEST_BYTES;
}
