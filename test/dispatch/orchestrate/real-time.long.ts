import assert from 'node:assert/strict';
import { setTimeout as pause } from 'node:timers/promises';
import { describeWithEmulators } from '../../support/emulators.ts';
import { until } from '../../support/folder.ts';
import type { TestStack } from '../../support/stack.ts';
import { embeddedStack } from '../../support/stack-embedded.ts';
import { emulatedStack } from '../../support/stack-emulated.ts';
import type { Answered, JobView } from './jobs.ts';
import { webhook } from './webhook.ts';

describe('ten seconds of work and eight of patience, embedded', function () {
  this.timeout(60_000);
  lastsLonger(embeddedStack);
});

describeWithEmulators("ten seconds of work and eight of patience, on Google's emulators", function () {
  this.timeout(90_000);
  lastsLonger(emulatedStack);
});

/** The times as they are delivered, but for how soon a silent agent is given up. */
function lastsLonger(start: (flags: Record<string, unknown>) => Promise<TestStack>): void {
  it('are one run, one job that answers, and one callback', async () => {
    const hook = await webhook();
    const stack = await start({ 'times.leaseMaximumMs': 60_000, 'times.leaseMarginMs': 10_000, intents: hook.intents });
    try {
      // The first request of a process takes its time.
      await stack.post('/orchestrate', { intent: 'gmail.triage', inputs: { test: 'warm' } });
      const callback_url = `${hook.url}/callback/ten`;
      const inputs = { test: 'ten', afterMs: 10_000 };
      const asked = Date.now();
      const { status, body } = await stack.post<Answered>('/orchestrate', { intent: 'gmail.triage', inputs, callback_url });
      const took = Date.now() - asked;
      assert.ok(took > 7_900 && took < 9_500, `${took} ms`);
      assert.deepEqual([status, body.status], [202, 'accepted']);
      const job = async () => (await stack.get<JobView>(`/jobs/${body.job_id}`)).body;
      assert.equal((await job()).status, 'running');
      await until(async () => (await job()).status === 'success', 10_000);
      await until(() => hook.callbacks('ten').length > 0);
      await pause(3_000);
      assert.deepEqual([hook.calls('ten').length, hook.callbacks('ten').length, (await job()).metrics.attempts], [1, 1, 1]);
    } finally {
      await stack.stop();
      await hook.close();
    }
  });
}
