import assert from 'node:assert/strict';
import type { IncomingHttpHeaders } from 'node:http';
import { type Schedules, type SchedulesOptions, startSchedules } from '../../emulator-bridge/schedules.ts';
import { until } from '../support/folder.ts';
import { answering, quiet, type Receiver } from './kit.ts';

describe('schedules', () => {
  let schedules: Schedules | undefined;
  let target: Receiver | undefined;
  afterEach(async () => {
    await schedules?.stop();
    await target?.close();
  });

  async function start(answer: Parameters<typeof answering>[0], more: Partial<SchedulesOptions> = {}): Promise<void> {
    target = await answering(answer);
    schedules = startSchedules({
      schedules: { sweep: { cron: '* * * * *', function: 'sweeper', path: '/sweep', silentSeconds: 300 } },
      urls: { sweeper: target.url },
      token: async (audience) => `for ${audience}`,
      everyMs: 20,
      log: quiet,
      ...more,
    });
  }

  it("posts with a token for the function's own URL", async () => {
    let seen: { method?: string; url?: string; headers: IncomingHttpHeaders } | undefined;
    await start((_body, { method, url, headers }) => {
      seen = { method, url, headers };
      return 204;
    });
    await until(() => seen !== undefined);
    assert.deepEqual([seen?.method, seen?.url], ['POST', '/sweep']);
    assert.equal(seen?.headers.authorization, `Bearer for ${target?.url}`);
  });

  it('goes on after failures', async () => {
    let calls = 0;
    await start((_body, { socket }) => {
      calls += 1;
      if (calls === 1) return 500;
      if (calls === 2) socket.destroy();
      return 200;
    });
    await until(() => calls >= 4);
  });

  it('never overlaps itself', async () => {
    let now = 0;
    let most = 0;
    let calls = 0;
    await start(async () => {
      calls += 1;
      now += 1;
      most = Math.max(most, now);
      await new Promise((resolve) => setTimeout(resolve, 50));
      now -= 1;
      return 200;
    });
    await until(() => calls >= 3);
    assert.equal(most, 1);
  });

  it('gives a call up after its limit', async () => {
    let calls = 0;
    await start(
      () => {
        calls += 1;
        return new Promise(() => {});
      },
      { limitMs: 30 },
    );
    await until(() => calls >= 2);
  });

  it('keeps to the cron line from a minute on', async () => {
    let calls = 0;
    await start(
      () => {
        calls += 1;
        return 200;
      },
      { everyMs: 60_000, schedules: { sweep: { cron: '0 0 1 1 *', function: 'sweeper', path: '/sweep', silentSeconds: 300 } } },
    );
    await new Promise((resolve) => setTimeout(resolve, 50));
    assert.equal(calls, 0);
  });

  it('stops at once, in the middle of a call', async () => {
    let calls = 0;
    await start(() => {
      calls += 1;
      return new Promise(() => {});
    });
    await until(() => calls === 1);
    const before = Date.now();
    await schedules?.stop();
    assert.ok(Date.now() - before < 500);
  });
});
