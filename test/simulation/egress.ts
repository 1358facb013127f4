/** The way out of one instance, over the simulated network. */

import { Problem } from '../../functions/core/errors.ts';
import type { Egress, EgressReply } from '../../functions/core/ports.ts';
import type { Instance } from './instances.ts';
import type { Answer, Network } from './network.ts';
import type { World } from './world.ts';

export function egressOf({ schedule, oracle }: World, instance: Instance, network: Network): Egress {
  const clock = () => schedule.now() + instance.skewMs;
  return {
    async check(url) {
      if (!network.reaches(url)) throw new Problem(422, 'egress_denied', 'Its host has no address.');
    },
    request: ({ url, method = 'GET', headers = {}, body, timeoutMs, signal }) =>
      new Promise<EgressReply>((resolve, reject) => {
        if (!instance.isAlive) return;
        if (signal?.aborted) return reject(signal.reason);
        const ended = oracle.requestSent(url, body, clock(), () => instance.isAlive);
        let isOver = false;
        const settle = (outcome: () => void) => {
          if (isOver) return;
          isOver = true;
          cancelTimeout();
          signal?.removeEventListener('abort', giveUp);
          ended(clock());
          if (instance.isAlive) outcome();
        };
        const giveUp = () => settle(() => reject(signal?.reason));
        const cancelTimeout = schedule.after(timeoutMs, () =>
          settle(() => reject(new Problem(504, 'egress_timeout', 'The address did not answer in time.'))),
        );
        signal?.addEventListener('abort', giveUp, { once: true });
        network.send(url, { method, headers, body }, (answer) =>
          settle(() => {
            if (answer === undefined) reject(new Problem(502, 'egress_failed', 'The address did not answer properly.'));
            else resolve(replyOf(answer));
          }),
        );
      }),
    close: async () => {},
  };
}

const replyOf = ({ status, headers, body }: Answer): EgressReply => ({ status, headers, body: Buffer.from(body) });
