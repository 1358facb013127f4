import { randomBytes, randomInt } from 'node:crypto';
import type { Ids } from '../core/ports.ts';

const POOL_BYTES = 4096;

/** Chance from the system's cryptographic source. */
export function systemIds(): Ids {
  // One call to the source for many ids: a call costs more than the bytes it gives.
  let pool = Buffer.alloc(0);
  let used = 0;
  return {
    random(bytes) {
      if (bytes > POOL_BYTES) return randomBytes(bytes).toString('hex');
      if (used + bytes > pool.length) {
        pool = randomBytes(POOL_BYTES);
        used = 0;
      }
      used += bytes;
      return pool.toString('hex', used - bytes, used);
    },
    below: (below) => randomInt(below),
  };
}
