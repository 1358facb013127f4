/** The batch: one row per kind of task, with what is sent and how it must end. */

import { createHash } from 'node:crypto';
import type { JsonObject } from './client.ts';

/** How every task of a kind must end. Its cost follows: the price, once per attempt. */
export interface Ending {
  readonly status: string;
  readonly code?: string;
  readonly attempts: number;
  readonly result?: (payload: JsonObject) => unknown;
  /** How many of the requests must be answered with the task of another one. */
  readonly replays?: number;
  readonly callback?: true;
}

/** The answer that every request of a kind must get; no task comes of it. */
export interface Refusal {
  readonly refused: number;
  readonly code: string;
}

export interface Kind {
  readonly name: string;
  /** One request each. */
  readonly packets: readonly JsonObject[];
  readonly want: Ending | Refusal;
  /** Sent when the kind of that name has been answered. */
  readonly follows?: string;
  /** Its time limit is what the kind it follows took, at least this: a loaded server still starts the run in time. */
  readonly ttlSecondsAtLeast?: number;
  /** `topic`: published past `dispatch`. `cancel`: cancelled as soon as it is accepted. */
  readonly how?: 'topic' | 'cancel';
  /** Whether it ends by itself at once: what the throughput is measured on. */
  readonly plain?: true;
}

export interface BatchTerms {
  /** Makes idempotency keys this run's own. */
  readonly run: string;
  readonly callbackUrl: string | undefined;
  readonly canPublish: boolean;
  /** A run that costs nothing can be over no budget. */
  readonly priced: boolean;
}

const SOURCE = `export function relay(message: string): string {\n  const flashes = message.length;\n  return message;\n}\n`;
const TEXT = 'Sun on the mirror.\nFlash, pause, flash.\n';

/** 54 to 57 tasks, by what the server at hand can show. */
export function batch({ run, callbackUrl, canPublish, priced }: BatchTerms): readonly Kind[] {
  const ok = (result: Ending['result']): Ending => ({ status: 'succeeded', attempts: 1, result });
  const once = { msg: 'once', of: run };
  const keyed = { agent: 'light', mode: 'pubsub', idempotencyKey: `${run}-key` };
  const all: readonly (Kind | false)[] = [
    { name: 'echo, http', packets: many(12, (n) => ({ agent: 'light', payload: { n } })), want: ok(echoed), plain: true },
    {
      name: 'echo, pubsub',
      packets: many(12, (n) => ({ agent: 'light', mode: 'pubsub', payload: { n } })),
      want: ok(echoed),
      plain: true,
    },
    { name: 'text.digest, http', packets: many(4, (n) => digestOf('http', n)), want: ok(digested), plain: true },
    { name: 'text.digest, pubsub', packets: many(8, (n) => digestOf('pubsub', n)), want: ok(digested), plain: true },
    { name: 'codex outline, http', packets: many(4, () => codex('http', { source: SOURCE })), want: ok(outlined), plain: true },
    { name: 'codex outline, pubsub', packets: many(8, () => codex('pubsub', { source: SOURCE })), want: ok(outlined), plain: true },
    { name: 'one key, 3 times', packets: many(3, () => ({ ...keyed, payload: once })), want: { ...ok(echoed), replays: 2 } },
    {
      name: 'the key, other payload',
      packets: [{ ...keyed, payload: { msg: 'twice' } }],
      want: { refused: 422, code: 'idempotency_key_reused' },
      follows: 'one key, 3 times',
    },
    priced && {
      name: 'no budget for a run',
      packets: [{ agent: 'light', mode: 'pubsub', payload: { msg: 'dear' }, budgetCents: 0 }],
      want: { status: 'failed', code: 'budget_exceeded', attempts: 0 },
    },
    {
      name: 'expires while queued',
      // Half a tick of the clock: a whole millisecond may come out as a hair more, and an embedded agent starts within it.
      packets: [{ agent: 'light', mode: 'pubsub', payload: { msg: 'late' }, ttlSeconds: 0.0005 }],
      want: { status: 'expired', code: 'ttl_expired', attempts: 0 },
    },
    {
      name: 'times out while running',
      packets: [codex('http', { pauseMs: 300_000 })],
      want: { status: 'expired', code: 'ttl_expired', attempts: 1 },
      follows: 'codex outline, http',
      ttlSecondsAtLeast: 1.5,
    },
    {
      name: 'fails for good',
      packets: [codex('pubsub', { fail: 'terminal' })],
      want: { status: 'failed', code: 'asked_to_fail', attempts: 1 },
    },
    {
      name: 'fails each of 2 times',
      packets: [codex('pubsub', { fail: 'retry' }, { maxAttempts: 2 })],
      want: { status: 'dead', code: 'attempts_exhausted', attempts: 2 },
    },
    {
      name: 'cancelled while waiting',
      packets: [{ agent: 'light', mode: 'pubsub', payload: { msg: 'never' }, notBefore: Math.ceil(Date.now() / 1000) + 600 }],
      want: { status: 'cancelled', code: 'cancelled', attempts: 0 },
      how: 'cancel',
    },
    callbackUrl !== undefined && {
      name: 'with a callback',
      packets: [{ agent: 'light', mode: 'pubsub', payload: { msg: 'tell' }, callbackUrl }],
      want: { ...ok(echoed), callback: true },
    },
    canPublish && {
      name: 'published to the topic',
      packets: [{ agent: 'light', payload: { msg: 'past dispatch' }, idempotencyKey: `${run}-topic` }],
      want: ok(echoed),
      how: 'topic',
    },
  ];
  return all.filter((kind) => kind !== false);
}

/** How many tasks a kind makes. */
export const tasksOf = ({ packets, want }: Kind): number => ('refused' in want ? 0 : packets.length - (want.replays ?? 0));

const many = (count: number, packet: (n: number) => JsonObject): JsonObject[] =>
  Array.from({ length: count }, (_, n) => packet(n + 1));

const codex = (mode: string, payload: JsonObject, more: JsonObject = {}): JsonObject => ({
  agent: 'codex',
  mode,
  payload,
  ...more,
});

function digestOf(mode: string, n: number): JsonObject {
  const url = `data:text/plain;base64,${Buffer.from(TEXT.repeat(n)).toString('base64')}`;
  return { agent: 'light', mode, payload: { handler: 'text.digest', url } };
}

const echoed = (payload: JsonObject): unknown => ({ echo: payload });

/** Counted here, not there: 7 words and 2 lines per repetition. */
function digested({ url }: JsonObject): unknown {
  const bytes = Buffer.from(String(url).split(',')[1] ?? '', 'base64');
  const repeated = bytes.length / TEXT.length;
  return {
    sha256: createHash('sha256').update(bytes).digest('hex'),
    bytes: bytes.length,
    lines: 2 * repeated,
    words: 7 * repeated,
  };
}

const outlined = (): unknown => ({
  lines: 5,
  definitions: [
    { line: 1, kind: 'function', name: 'relay' },
    { line: 2, kind: 'const', name: 'flashes' },
  ],
});
