/** A webhook that behaves as badly as a test wants: it has the response itself, and the socket behind it. */

import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http';
import { closeServer, listenLoopback } from '../../emulator-bridge/loopback.ts';

/** What a flow is POSTed. */
export interface FlowCall {
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly at: number;
  readonly body: {
    readonly intent: string;
    readonly inputs: Record<string, unknown>;
    readonly trace: unknown;
    readonly job_id: string;
    readonly callback_url: string;
    readonly epoch: number;
    readonly outcomeToken: string;
  };
}

export type Behaviour = (call: FlowCall, response: ServerResponse) => unknown;

export interface WebhookServer {
  readonly url: string;
  readonly calls: FlowCall[];
  /** By path; what has none is answered 404. */
  readonly behaviours: Map<string, Behaviour>;
  callsOf(path: string): FlowCall[];
  close(): Promise<void>;
}

/** Starts it. Responses that hang are destroyed when it is closed. */
export async function webhookServer(): Promise<WebhookServer> {
  const calls: FlowCall[] = [];
  const behaviours = new Map<string, Behaviour>();
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const path = request.url ?? '';
    const call = { path, headers: request.headers, at: Date.now(), body: JSON.parse(Buffer.concat(chunks).toString()) };
    calls.push(call);
    const behave = behaviours.get(path);
    if (behave === undefined) response.writeHead(404).end();
    else await behave(call, response);
  });
  // Longer than any client keeps an idle connection: a request must not meet a socket that is just closing.
  server.keepAliveTimeout = 75_000;
  const url = `http://127.0.0.1:${await listenLoopback(server, 0)}`;
  return {
    url,
    calls,
    behaviours,
    callsOf: (path) => calls.filter((call) => call.path === path),
    close: () => closeServer(server),
  };
}

/** Answers with a status, a text and headers. */
export const answers =
  (status: number, text = '', headers: Record<string, string> = {}): Behaviour =>
  (_call, response) =>
    response.writeHead(status, headers).end(text);
