/** What to put into requests so that most of them are admitted, and do something. */

import fc, { type Arbitrary } from 'fast-check';
import { anyJson, anyObject, naughty, type Overrides } from './arbitraries.ts';

const soon = Date.now() / 1000;
/** Replaced by the id of a task that an earlier reply has shown. */
export const EARLIER = 'earlier task ';
export const earlier = fc.nat(30).map((n) => EARLIER + n);
const bases = fc.constantFrom(0, 0.0001, 1, 5, 25, 1_000);
const usual = <T>(weight: number, value: Arbitrary<T>, other: Arbitrary<unknown>) =>
  fc.oneof({ weight, arbitrary: value as Arbitrary<unknown> }, { weight: 1, arbitrary: other });

/** What the agents do is decided by what they are given. */
const payload = fc.oneof(
  { weight: 3, arbitrary: fc.constant({}) },
  { weight: 3, arbitrary: anyObject },
  {
    weight: 3,
    arbitrary: fc.record({ answer: fc.constantFrom('park', 'park', 'ok', 'retry', 'refuse', 'gone', 'dear', 'broken') }),
  },
  { weight: 5, arbitrary: fc.record({ fail: fc.constantFrom('retry', 'retry', 'terminal'), n: anyJson }) },
  { weight: 1, arbitrary: fc.record({ source: fc.string({ unit: 'binary' }), pauseMs: fc.nat(20) }) },
  {
    weight: 1,
    arbitrary: fc.record({
      handler: fc.constantFrom('echo', 'text.digest', 'toString'),
      url: naughty.map((text) => `data:,${text}`),
    }),
  },
);

export const packet: Overrides = {
  agent: usual(12, fc.constantFrom('light', 'light', 'codex', 'codex', 'remote', 'remote', 'a1', 'a2'), naughty),
  payload: usual(20, payload, anyJson),
  metadata: usual(4, anyObject, anyJson),
  ttl: fc.constantFrom(1, 60, 0.5, 604_800, soon + 3_600, soon - 10),
  ttlSeconds: fc.constantFrom(0.001, 1, 60, 604_800),
  budgetCents: bases,
  maxAttempts: fc.constantFrom(1, 1, 1, 2, 20),
  idempotencyKey: usual(
    4,
    fc.nat(20).map((n) => `key ${n}`),
    naughty,
  ),
  callbackUrl: fc.constantFrom(
    'http://127.0.0.1:9/hook',
    'https://10.0.0.1/',
    'http://localhost:9/',
    'no url',
    'https://[::1%25]/',
  ),
  parentTaskId: usual(3, earlier, naughty),
  dependencies: usual(8, fc.uniqueArray(earlier, { maxLength: 3 }), fc.array(naughty, { maxLength: 3 })),
  notBefore: fc.constantFrom(soon - 10, soon + 1_000_000, soon + 3_000, 1),
};

export const submission: Overrides = {
  system_name: packet.agent as Arbitrary<unknown>,
  task_id: usual(
    4,
    fc.nat(20).map((n) => `task ${n}`),
    naughty,
  ),
  // A modification needs a project.
  task_type: fc.constantFrom('analysis', 'verification', 'deployment', 'analysis', 'verification', 'deployment', 'modification'),
  max_retries: packet.maxAttempts as Arbitrary<unknown>,
  ...Object.fromEntries(
    ['payload', 'metadata', 'ttlSeconds', 'budgetCents', 'callbackUrl', 'parentTaskId', 'dependencies', 'notBefore'].map(
      (field) => [field, packet[field] as Arbitrary<unknown>],
    ),
  ),
};

/** The names of the agents that come and go. */
export const agentNames = fc.constantFrom('a1', 'a1', 'a2', 'a 3');

export const registration: Overrides = {
  name: usual(12, agentNames, fc.oneof(naughty, fc.constantFrom('light', 'codex', 'remote'))),
  endpoint: usual(6, fc.constantFrom('http://127.0.0.1:9/run', 'echo', 'text.digest', 'https://10.0.0.1/'), naughty),
  priceCents: bases,
  timeLimitSeconds: fc.constantFrom(0.5, 60, 540),
  result: anyJson,
};

/** Of agents that come and go: what everything waits for would leave little to see. */
export const held: Overrides = { agent: agentNames, project: naughty, all: fc.constant(false) };

export const policy: Overrides = {
  taskTypes: fc.constantFrom<unknown>([], [], ['deployment']),
  agents: fc.oneof(fc.constant([]), fc.uniqueArray(agentNames, { maxLength: 2 })),
  costAboveCents: fc.constantFrom(1_000, 1e9),
};

export const terms: Overrides = {
  agent: usual(9, fc.constant('codex'), naughty),
  requestId: fc.string({ minLength: 16, maxLength: 64 }),
  quoteCents: bases,
  timeLimitMs: fc.constantFrom(1, 1_000, 540_000, 1e300),
  'message.data': fc
    .oneof(anyObject, anyJson)
    .map((value) => Buffer.from(JSON.stringify({ payload: value, agent: 'codex' })).toString('base64')),
  'message.attributes': fc.dictionary(fc.constantFrom('agent', 'traceId', 'idempotencyKey', '__proto__'), naughty),
  'message.publishTime': fc.constantFrom(0, soon * 1000, soon * 1000 + 1e9, 8.64e15, 1e300),
};

export const outcome: Overrides = {
  'outcome.status': fc.constantFrom('succeeded', 'failed', 'expired', 'cancelled', 'retry', 'succeeded'),
  'outcome.result': anyJson,
  'outcome.costCents': bases,
  'outcome.endedAt': fc.constantFrom(soon * 1000, 1, 1e300),
  'outcome.retryAfterMs': fc.constantFrom(0, 1, 100, 86_400_000),
  job_id: earlier,
};

export const days: Arbitrary<unknown> = fc.constantFrom(
  '2000-01-01',
  '2026-02-29',
  '9999-12-31',
  '0000-01-01',
  new Date().toISOString().slice(0, 10),
);
