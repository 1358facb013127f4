import type { ServerResponse } from 'node:http';
import { Problem } from '../functions/core/errors.ts';

/** Answers with a problem document (RFC 9457), unless an answer has begun already: then the connection is cut. */
export function sendProblem(
  response: ServerResponse,
  status: number,
  code: string,
  detail: string,
  headers: Readonly<Record<string, string>> = {},
): void {
  if (response.headersSent) {
    response.destroy();
    return;
  }
  response.writeHead(status, { ...headers, 'content-type': 'application/problem+json' });
  response.end(JSON.stringify(new Problem(status, code, detail).document()));
}
