/** The smoke test: whether a Heliograph that was just deployed does what it has to, seen from outside. */

import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { Problem } from '../../functions/core/errors.ts';
import { type Caller, type Credentials, callerOf, said } from './calls.ts';
import { forgedPush, type PushTarget } from './targets.ts';
import { accepted, ended, ranOnce, type TaskSeen } from './tasks.ts';

export interface SmokeOptions {
  /** Its one address, without a trailing slash. */
  readonly url: string;
  /** Where it says how it is. Cloud Run keeps some paths that end in `z` to itself, `/healthz` among them. */
  readonly health: '/' | '/healthz';
  readonly credentials: Credentials;
  readonly pushes: readonly PushTarget[];
  /** Of a new deployment: grants and certificates take minutes to arrive everywhere. */
  readonly patienceMs: number;
  /** How long the long task runs; the wait for it is eight fifteenths of that. */
  readonly longTaskMs?: number;
}

/** A check that was made. `detail` says what was seen, or what was wrong. */
export interface Checked {
  readonly name: string;
  readonly ok: boolean;
  readonly seconds: number;
  readonly detail: string;
}

interface Context extends SmokeOptions {
  readonly call: Caller;
  readonly run: string;
}

const LONG_TASK_MS = 15_000;
const PAUSE_MS = 2_000;

/** Each gives what it saw, or throws an `Error` that says what was wrong. */
const CHECKS: readonly (readonly [name: string, check: (context: Context) => Promise<string>])[] = [
  ['answers', answers],
  ['refuses callers without credentials', refusesStrangers],
  ['a task in http mode', taskByHttp],
  ['a task in pubsub mode, by a real push', taskByPubsub],
  ['a long task, through a shorter wait', longTask],
  ['refuses forged pushes', refusesForgedPushes],
];

/** Makes the checks one after the other, and tells of each as it is made. What follows from a failure is still checked. */
export async function smoke(options: SmokeOptions, onChecked: (checked: Checked) => void): Promise<readonly Checked[]> {
  const context = { ...options, call: callerOf(options.url, options.credentials), run: `smoke-${randomBytes(6).toString('hex')}` };
  const all: Checked[] = [];
  const patience = { until: performance.now() + options.patienceMs };
  for (const [name, check] of CHECKS) {
    const started = performance.now();
    const end = await patiently(() => check(context), patience.until);
    const checked = { name, ...end, seconds: (performance.now() - started) / 1000 };
    all.push(checked);
    onChecked(checked);
  }
  return all;
}

/** Makes the checks and prints each. Throws `Problem` `smoke_failed` with `advice` when one has failed. */
export async function smokeAndTell(options: SmokeOptions, advice = ''): Promise<void> {
  const checks = await smoke(options, (checked) => console.log(lineOf(checked)));
  const failed = checks.filter(({ ok }) => !ok).length;
  if (failed > 0) throw new Problem(500, 'smoke_failed', `${failed} of ${checks.length} checks failed.${advice}`);
}

/** A line of the table. */
const lineOf = ({ name, ok, seconds, detail }: Checked): string =>
  `${name.padEnd(38)} ${ok ? 'ok    ' : 'FAILED'} ${seconds.toFixed(1).padStart(6)} s  ${detail}`;

async function patiently(check: () => Promise<string>, until: number): Promise<{ ok: boolean; detail: string }> {
  while (true) {
    try {
      return { ok: true, detail: await check() };
    } catch (error) {
      if (performance.now() + PAUSE_MS > until) return { ok: false, detail: (error as Error).message };
      await sleep(PAUSE_MS);
    }
  }
}

async function answers({ call, health }: Context): Promise<string> {
  const reply = await call('GET', health);
  if (reply.status !== 200 || reply.body.status !== 'ok') throw new Error(`GET ${health} was answered with ${said(reply)}`);
  return `version ${String(reply.body.version)}`;
}

async function refusesStrangers({ call }: Context): Promise<string> {
  const packet = { agent: 'light', payload: { from: 'nobody' } };
  const nobody: Credentials = {};
  const stranger: Credentials = { key: `hg.${randomBytes(8).toString('hex')}.${randomBytes(32).toString('base64url')}` };
  for (const [who, credentials] of [
    ['nobody', nobody],
    ['a key that nobody made', stranger],
  ] as const) {
    const reply = await call('POST', '/dispatch', { body: packet, credentials });
    if (reply.status !== 401 && reply.status !== 403) throw new Error(`A task of ${who} was answered with ${said(reply)}`);
  }
  return '401 or 403 for none and for a wrong key';
}

async function taskByHttp(context: Context): Promise<string> {
  const payload = { check: 'http', run: context.run };
  const reply = await context.call('POST', '/dispatch', { body: { agent: 'light', mode: 'http', payload } });
  if (reply.status !== 200) throw new Error(`It was answered with ${said(reply)}`);
  return ranOnce(reply.body as unknown as TaskSeen, { echo: payload });
}

async function taskByPubsub(context: Context): Promise<string> {
  const payload = { check: 'pubsub', run: context.run };
  const id = await accepted(context.call, { agent: 'light', mode: 'pubsub', payload });
  return ranOnce((await ended(context.call, id, 20)).task, { echo: payload });
}

/** Longer than a wait: the wait gives up, the run does not, and no second one is started. */
async function longTask(context: Context): Promise<string> {
  const longMs = context.longTaskMs ?? LONG_TASK_MS;
  const waitSeconds = (longMs * 8) / 15_000;
  const packet = { agent: 'codex', mode: 'pubsub', payload: { pauseMs: longMs, run: context.run } };
  const id = await accepted(context.call, packet);
  const { task, waits, firstWaitMs } = await ended(context.call, id, waitSeconds);
  if (waits < 2) throw new Error(`A task of ${longMs / 1000} s had ended after a wait of ${waitSeconds} s: ${task.status}`);
  if (firstWaitMs < waitSeconds * 900)
    throw new Error(`A wait of ${waitSeconds} s gave up after ${(firstWaitMs / 1000).toFixed(1)} s`);
  return `${ranOnce(task, { echo: { run: context.run } })}, seen after ${waits} waits of ${waitSeconds} s`;
}

async function refusesForgedPushes({ pushes }: Context): Promise<string> {
  const seen: string[] = [];
  for (const target of pushes) {
    for (const signature of ['none', 'removed', 'own'] as const) {
      const { status } = await forgedPush(target, signature);
      // What is closed to the network is not even found.
      const refused = status === 401 || status === 403 || (status === 404 && target.closedToNetwork);
      if (!refused) throw new Error(`${target.function}${target.path} answered ${status} to a push with ${HOW[signature]}`);
    }
    seen.push(target.function);
  }
  return [...new Set(seen)].join(', ');
}

const HOW = { none: 'no token', removed: 'a token whose signature was removed', own: 'a token that we signed ourselves' } as const;
