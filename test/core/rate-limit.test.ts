import assert from 'node:assert/strict';
import type { Clock } from '../../functions/core/ports.ts';
import { rateLimiter } from '../../functions/core/rate-limit.ts';
import { readSettings } from '../../functions/core/settings.ts';

describe('the rate of requests', () => {
  function limiter(requestsPerMinute: number) {
    let now = 1_000_000;
    const settings = readSettings({}, { runtime: 'embedded', 'limits.requestsPerMinute': requestsPerMinute });
    const clock = { now: () => now } as Clock;
    const limit = rateLimiter({ clock, settings });
    const asked = (who: string, times: number) => {
      let passed = 0;
      for (let time = 0; time < times; time += 1) {
        try {
          limit(who);
          passed += 1;
        } catch (error) {
          assert.equal((error as { code: string }).code, 'rate_limited');
        }
      }
      return passed;
    };
    return { asked, limit, pass: (ms: number) => (now += ms) };
  }

  it('lets a minute’s requests through at once, and then as many as time allows', () => {
    const { asked, pass } = limiter(60);
    assert.equal(asked('one', 100), 60);
    pass(5_000);
    assert.equal(asked('one', 100), 5);
    pass(3_600_000);
    assert.equal(asked('one', 100), 60);
  });

  it('is that of each by itself', () => {
    const { asked } = limiter(10);
    assert.deepEqual([asked('one', 20), asked('other', 20)], [10, 10]);
  });

  it('says when to ask again, and then is right', () => {
    const { asked, limit, pass } = limiter(6);
    asked('one', 6);
    let after = 0;
    assert.throws(
      () => limit('one'),
      (error: { retryAfterSeconds?: number }) => {
        after = error.retryAfterSeconds ?? 0;
        return true;
      },
    );
    assert.equal(after, 10);
    pass(after * 1_000);
    assert.equal(asked('one', 3), 1);
  });

  it('loses nothing where the clock goes back', () => {
    const { asked, pass } = limiter(10);
    asked('one', 4);
    pass(-60_000);
    assert.equal(asked('one', 20), 6);
  });
});
