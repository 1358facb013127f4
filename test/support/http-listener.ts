import { createServer, type IncomingHttpHeaders } from 'node:http';
import { closeServer, listenLoopback } from '../../emulator-bridge/loopback.ts';

export interface Received {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
  readonly at: number;
}

export interface Answer {
  readonly status: number;
  readonly body?: unknown;
  readonly headers?: Record<string, string>;
}

export interface Listener {
  readonly url: string;
  /** Everything that came, in order. */
  readonly received: Received[];
  /** Says how a request is answered; by default 200 with an empty object. */
  answer: (request: Received) => Answer | Promise<Answer>;
  close(): Promise<void>;
}

/** A local HTTP server that records what comes: an agent to relay to, or the receiver of callbacks. */
export async function httpListener(answer: Listener['answer'] = () => ({ status: 200, body: {} })): Promise<Listener> {
  const received: Received[] = [];
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const { method = '', url: path = '', headers } = request;
    const one: Received = { method, path, headers, body: Buffer.concat(chunks).toString(), at: Date.now() };
    received.push(one);
    const { status, body, headers: answered } = await listener.answer(one);
    const text = body === undefined ? '' : typeof body === 'string' ? body : JSON.stringify(body);
    response.writeHead(status, { 'content-type': 'application/json', ...answered }).end(text);
  });
  // Longer than any client keeps an idle connection: a request must not meet a socket that is just closing.
  server.keepAliveTimeout = 75_000;
  const listener: Listener = {
    url: `http://127.0.0.1:${await listenLoopback(server, 0)}`,
    received,
    answer,
    close: () => closeServer(server),
  };
  return listener;
}
