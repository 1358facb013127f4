/**
 * How often credentials may ask: a token bucket of a minute's requests, per instance, so that it costs neither a read nor a write.
 * With several instances the limit is that many times as high.
 */

import { Problem } from './errors.ts';
import type { Runtime } from './runtime.ts';

const MINUTE_MS = 60_000;
const MAX_REMEMBERED = 10_000;

/** Makes the check of one instance. Throws `Problem` 429 `rate_limited` with `Retry-After`. */
export function rateLimiter({ clock, settings }: Pick<Runtime, 'clock' | 'settings'>): (who: string) => void {
  const { requestsPerMinute: limit } = settings.limits;
  const buckets = new Map<string, { left: number; at: number }>();
  return (who) => {
    const now = clock.now();
    const bucket = buckets.get(who) ?? { left: limit, at: now };
    const passed = Math.max(0, now - bucket.at);
    const left = Math.min(limit, bucket.left + (passed * limit) / MINUTE_MS);
    // Who has not asked for a minute has a full bucket, remembered or not.
    if (buckets.size >= MAX_REMEMBERED) for (const [name, { at }] of buckets) if (now - at >= MINUTE_MS) buckets.delete(name);
    buckets.set(who, { left: left < 1 ? left : left - 1, at: now });
    if (left >= 1) return;
    const retryAfterSeconds = Math.ceil(((1 - left) * MINUTE_MS) / limit / 1000);
    throw new Problem(429, 'rate_limited', `These credentials may ask ${limit} times a minute; try again a little later.`, {
      retryAfterSeconds,
    });
  };
}
