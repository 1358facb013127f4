import assert from 'node:assert/strict';
import { type EmbeddedTestStack, embeddedStack } from '../support/stack-embedded.ts';

const LONGEST_MS = 8_000;

describe('the pause before another attempt', function () {
  this.timeout(20_000);
  let stack: EmbeddedTestStack;
  before(async () => {
    stack = await embeddedStack({ 'times.retryMinimumMs': LONGEST_MS, 'times.retryMaximumMs': LONGEST_MS });
  });
  after(() => stack.stop());

  it('is between half and all of what it could be, and not the same for those who fail together', async () => {
    const pauses = await Promise.all(
      Array.from({ length: 16 }, async () => {
        const { body } = await stack.dispatch({ agent: 'codex', mode: 'http', payload: { fail: 'retry' }, maxAttempts: 2 });
        const { timeline, retryAt } = await stack.reaches(body.id, ({ retryAt: at }) => at !== undefined);
        const failedAt = timeline.find(({ event }) => event === 'retry')?.at;
        await stack.post(`/task/${body.id}/cancel`, {});
        return Date.parse(String(retryAt)) - Date.parse(String(failedAt));
      }),
    );
    // The entry is made a moment after its time is taken.
    for (const pause of pauses) assert.ok(pause >= LONGEST_MS / 2 - 50 && pause <= LONGEST_MS, `${pause} ms`);
    assert.ok(new Set(pauses).size > 8, `${pauses}`);
  });
});
