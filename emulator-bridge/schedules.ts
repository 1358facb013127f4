/** The topology's schedules, as Cloud Scheduler keeps them: a POST with the push account's token, at the cron line's times in UTC. */

import { Cron } from 'croner';
import { request } from 'undici';
import type { Log } from '../functions/core/ports.ts';
import type { ScheduleRow } from '../functions/topology.ts';

export interface SchedulesOptions {
  readonly schedules: Readonly<Record<string, ScheduleRow>>;
  /** Base URL of each function. */
  readonly urls: Readonly<Record<string, string>>;
  readonly token: (audience: string) => Promise<string>;
  /** Below a minute, what runs every minute runs at this interval instead. Cloud Scheduler knows no seconds. */
  readonly everyMs: number;
  readonly limitMs?: number;
  readonly log: Log;
}

export interface Schedules {
  /** Waits for what is running. */
  stop(): Promise<void>;
}

const MINUTE_MS = 60_000;
const EVERY_MINUTE = '* * * * *';

/**
 * Starts them. A schedule never overlaps itself: what falls due while its last call is still open is left out. Differs from
 * Cloud Scheduler in that a failed call is not repeated before the next time.
 */
export function startSchedules(options: SchedulesOptions): Schedules {
  const { log, limitMs = MINUTE_MS } = options;
  const stopping = new AbortController();
  const stops: (() => Promise<void> | undefined)[] = [];

  for (const [name, row] of Object.entries(options.schedules)) {
    const url = `${options.urls[row.function]}${row.path}`;
    let running: Promise<void> | undefined;
    const fire = async () => {
      if (running !== undefined) return;
      running = call(url, options.token, AbortSignal.any([stopping.signal, AbortSignal.timeout(limitMs)]))
        .catch((error: unknown) => {
          if (!stopping.signal.aborted) log.warn({ schedule: name, error: String(error) }, 'scheduled call failed');
        })
        .finally(() => {
          running = undefined;
        });
      await running;
    };
    const stopTimer =
      row.cron === EVERY_MINUTE && options.everyMs < MINUTE_MS ? every(options.everyMs, fire) : byCron(row.cron, fire);
    stops.push(() => {
      stopTimer();
      return running;
    });
  }

  return {
    async stop() {
      stopping.abort();
      await Promise.all(stops.map((stop) => stop()));
    },
  };
}

function byCron(pattern: string, fire: () => Promise<void>): () => void {
  const job = new Cron(pattern, { timezone: 'UTC', mode: '5-part', protect: true }, fire);
  return () => job.stop();
}

/** Counted from the end of a run to the start of the next. */
function every(ms: number, fire: () => Promise<void>): () => void {
  let stopped = false;
  let timer: NodeJS.Timeout;
  const next = () => {
    timer = setTimeout(async () => {
      await fire();
      if (!stopped) next();
    }, ms);
  };
  next();
  return () => {
    stopped = true;
    clearTimeout(timer);
  };
}

/** The audience is the function's own URL: what Cloud Run checks, set explicitly on a deployed schedule. */
async function call(url: string, token: (audience: string) => Promise<string>, signal: AbortSignal): Promise<void> {
  const { statusCode, body } = await request(url, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${await token(new URL(url).origin)}`,
      'content-type': 'application/json',
      'user-agent': 'Google-Cloud-Scheduler',
      'x-cloudscheduler': 'true',
    },
    body: '{}',
    headersTimeout: 0,
    bodyTimeout: 0,
    signal,
  });
  await body.dump();
  if (statusCode < 200 || statusCode >= 300) throw new Error(`${url} answered ${statusCode}`);
}
