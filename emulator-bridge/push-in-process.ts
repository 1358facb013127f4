/** How a push reaches a function of this process: its room is called with the same request, without a socket in between. */

import type { Clock } from '../functions/core/ports.ts';
import type { Room } from '../functions/core/runtime.ts';
import { requestInProcess } from './in-process-request.ts';
import { type PushTransport, pushHeaders } from './push.ts';

/** Calls `room` as if POSTed to at `endpoint`, a full URL. The clock alone measures the time limit. */
export function inProcessTransport(endpoint: string, room: Room, clock: Pick<Clock, 'after'>): PushTransport {
  const { host, pathname, search } = new URL(endpoint);
  const path = pathname + search;
  const underWay = new Set<() => void>();
  return {
    post({ bearer, body, limitMs }, done) {
      let answered = false;
      const finish = (status: number): void => {
        answered = true;
        cancelLimit();
        underWay.delete(cut);
        done(status);
      };
      let cutRequest = () => {};
      const cut = (): void => {
        if (answered) return;
        cutRequest();
        finish(0);
      };
      const cancelLimit = clock.after(limitMs, cut);
      underWay.add(cut);
      const headers = { host, ...pushHeaders(bearer) };
      cutRequest = requestInProcess(room, { method: 'POST', path, headers, body }, (reply) => finish(reply?.status ?? 0));
    },
    async close() {
      for (const cut of [...underWay]) cut();
    },
  };
}
