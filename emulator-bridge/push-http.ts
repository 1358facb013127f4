/** How a push reaches a function in a process of its own: by HTTP, over kept connections. */

import { type Dispatcher, Pool } from 'undici';
import { type PushRequest, type PushTransport, pushHeaders } from './push.ts';

/** POSTs to `endpoint`, a full URL; at most `connections` at once. */
export function httpTransport(endpoint: string, connections: number): PushTransport {
  const { origin, pathname, search } = new URL(endpoint);
  const pool = new Pool(origin, { connections, pipelining: 1, headersTimeout: 0, bodyTimeout: 0 });
  return {
    post: (request, done) => post(pool, pathname + search, request, done),
    close: () => pool.destroy(),
  };
}

function post(pool: Pool, path: string, { bearer, body, limitMs }: PushRequest, done: (status: number) => void): void {
  let status = 0;
  let abort: ((reason: Error) => void) | undefined;
  let settled = false;
  const finish = (outcome: number) => {
    // After a 102 the request still has to end within the limit.
    if (outcome !== 102) clearTimeout(timer);
    if (settled) return;
    settled = true;
    done(outcome);
  };
  const timer = setTimeout(() => {
    finish(0);
    abort?.(new Error('the acknowledgement deadline passed'));
  }, limitMs);
  const handler: Dispatcher.DispatchHandler = {
    onRequestStart: (controller) => {
      abort = (reason) => controller.abort(reason);
      if (settled) abort(new Error('the acknowledgement deadline passed'));
    },
    onResponseStart: (_controller, code) => {
      // 102 is an interim answer for HTTP, but Pub/Sub takes it as an acknowledgement.
      if (code === 102) finish(code);
      else if (code >= 200) status = code;
    },
    onResponseData: () => {},
    onResponseEnd: () => finish(status),
    onResponseError: () => finish(0),
  };
  pool.dispatch({ path, method: 'POST', headers: pushHeaders(bearer), body }, handler);
}
