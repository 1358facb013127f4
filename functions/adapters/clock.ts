import { setTimeout as pause } from 'node:timers/promises';
import type { Clock } from '../core/ports.ts';

/** Node caps a timer at 2³¹ − 1 ms and runs a longer one at once. */
const LONGEST_TIMER = 2_147_483_647;

/** The machine's own clock. */
export function systemClock(): Clock {
  return {
    now: () => Date.now(),

    async sleep(ms, signal) {
      try {
        await pause(Math.min(Math.max(ms, 0), LONGEST_TIMER), undefined, { signal });
      } catch (error) {
        throw signal?.aborted ? signal.reason : error;
      }
    },

    after(ms, run) {
      const timer = setTimeout(run, Math.min(Math.max(ms, 0), LONGEST_TIMER)).unref();
      return () => clearTimeout(timer);
    },
  };
}
