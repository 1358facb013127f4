/** How a push reaches a registered agent: through the guarded egress, since a user has named the address. */

import type { Egress } from '../functions/core/ports.ts';
import { type PushTransport, pushHeaders } from './push.ts';

/** Nobody reads the answer. */
const MOST_BYTES = 10_485_760;

/** POSTs to `endpoint`, a full URL. An address that the egress refuses counts as one that does not answer. */
export function egressTransport(endpoint: string, egress: Pick<Egress, 'request'>): PushTransport {
  const stop = new AbortController();
  return {
    post({ bearer, body, limitMs }, done) {
      egress
        .request({
          url: endpoint,
          trust: 'user',
          method: 'POST',
          headers: pushHeaders(bearer),
          body,
          timeoutMs: limitMs,
          maxBytes: MOST_BYTES,
          signal: stop.signal,
        })
        .then(
          ({ status }) => done(status),
          () => done(0),
        );
    },
    async close() {
      stop.abort(new Error('The delivery was stopped.'));
    },
  };
}
