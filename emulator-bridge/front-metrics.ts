import type { IncomingMessage, ServerResponse } from 'node:http';
import { request as ask } from 'undici';
import { sendProblem } from './problem-reply.ts';

const LIMIT_MS = 10_000;
/** What tells who asks, and from where. */
const SHOWN = ['authorization', 'x-api-key', 'host', 'origin', 'sec-fetch-site', 'forwarded'];

/**
 * Gives the front's `GET /metrics`, for whoever may read tasks: dispatch is asked for a list of none, with the headers that say who
 * asks, and what it refuses is refused here in its words.
 */
export function frontMetrics(
  dispatchUrl: string,
  text: () => Promise<string>,
): (request: IncomingMessage, response: ServerResponse) => void {
  return (request, response) => {
    request.resume();
    answer(request, response).catch((error: unknown) => {
      if (response.headersSent) response.destroy();
      else sendProblem(response, 503, 'metrics_unavailable', `The metrics cannot be had right now: ${(error as Error).message}`);
    });
  };

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const headers: Record<string, string> = {};
    // Each line as it came: what is sent twice is nothing to choose from.
    for (const name of SHOWN) {
      const values = request.headersDistinct[name];
      if (values !== undefined) headers[name] = values.join(', ');
    }
    headers['x-forwarded-for'] = [...(request.headersDistinct['x-forwarded-for'] ?? []), request.socket.remoteAddress ?? ''].join(
      ', ',
    );
    const {
      statusCode,
      headers: answered,
      body,
    } = await ask(`${dispatchUrl}/tasks?limit=0`, {
      headers,
      signal: AbortSignal.timeout(LIMIT_MS),
    });
    const said = await body.text();
    if (statusCode !== 200) {
      const passed = ['content-type', 'retry-after', 'www-authenticate'].filter((name) => answered[name] !== undefined);
      response.writeHead(statusCode, Object.fromEntries(passed.map((name) => [name, answered[name]])));
      response.end(said);
      return;
    }
    const metrics = await text();
    response.writeHead(200, { 'content-type': 'text/plain; version=0.0.4; charset=utf-8', 'cache-control': 'no-store' });
    response.end(metrics);
  }
}
