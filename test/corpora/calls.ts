/** What can be asked of Heliograph over HTTP: each endpoint with the schema of what it takes and of what it answers. */

import fc, { type Arbitrary } from 'fast-check';
import type { z } from 'zod';
import { packetSchema } from '../../functions/core/packet.ts';
import type { Status } from '../../functions/core/task.ts';
import { adoptBody, claimBody, renewBody } from '../../functions/dispatch/agent-claims.ts';
import { budgetBody } from '../../functions/dispatch/budgets.ts';
import { costsQuery } from '../../functions/dispatch/costs.ts';
import { listQuery, taskQuery } from '../../functions/dispatch/read-tasks.ts';
import { redriveBody } from '../../functions/dispatch/redrive.ts';
import { ingestBody, updateBody } from '../../functions/dispatch/task-update.ts';
import { admitted, anyJson, anyObject, type Hints, naughty, nearlyAdmitted, type Overrides } from './arbitraries.ts';
import * as replies from './response-schemas.ts';

export interface Endpoint extends Hints {
  readonly method: 'GET' | 'POST' | 'PUT';
  /** `{}` stands for an id, or for a scope. */
  readonly path: string;
  readonly query?: z.ZodType;
  readonly body?: z.ZodType;
  /** What a success looks like, by status; `events` is a stream of them. */
  readonly answers: Readonly<Record<number, z.ZodType | 'events'>>;
  /** In which state a task has something to do here: every second call names such a one, if there is any. */
  readonly prefers?: Status;
  /** Whose ID token it wants. */
  readonly as?: 'codex';
  /** Whether its proof is an attempt's. */
  readonly proves?: boolean;
  readonly weight: number;
}

/** One request. Numbers refer to what earlier replies have shown, modulo how many there are. */
export interface Call {
  readonly endpoint: Endpoint;
  readonly id: number | string;
  readonly proof: number | undefined;
  readonly cursor: number | undefined;
  readonly query: unknown;
  readonly body: unknown;
  readonly headers: Readonly<Record<string, string>>;
}

const soon = Date.now() / 1000;
/** Replaced by the id of a task that an earlier reply has shown. */
export const EARLIER = 'earlier task ';
const earlier = fc.nat(30).map((n) => EARLIER + n);
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

const packet: Overrides = {
  agent: usual(12, fc.constantFrom('light', 'light', 'codex', 'codex', 'remote', 'remote'), naughty),
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
  notBefore: fc.constantFrom(soon - 10, soon + 1_000_000, soon + 3_000, 1),
};

const terms: Overrides = {
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

const outcome: Overrides = {
  'outcome.status': fc.constantFrom('succeeded', 'failed', 'expired', 'cancelled', 'retry', 'succeeded'),
  'outcome.result': anyJson,
  'outcome.costCents': bases,
  'outcome.endedAt': fc.constantFrom(soon * 1000, 1, 1e300),
  'outcome.retryAfterMs': fc.constantFrom(0, 1, 100, 86_400_000),
  job_id: earlier,
};

const task = replies.taskSchema;

export const ENDPOINTS: readonly Endpoint[] = [
  {
    method: 'POST',
    path: '/dispatch',
    body: packetSchema,
    overrides: packet,
    often: ['maxAttempts', 'mode'],
    answers: { 200: task, 202: task },
    weight: 12,
  },
  {
    method: 'GET',
    path: '/task/{}',
    query: taskQuery,
    overrides: { waitSeconds: fc.constantFrom(0, 0.001, 0.05) },
    answers: { 200: task },
    weight: 6,
  },
  {
    method: 'GET',
    path: '/task-status/{}',
    query: taskQuery,
    overrides: { waitSeconds: fc.constant(0) },
    answers: { 200: task },
    weight: 1,
  },
  { method: 'GET', path: '/task/{}/events', answers: { 200: 'events' }, weight: 3 },
  {
    method: 'GET',
    path: '/tasks',
    query: listQuery,
    overrides: { limit: fc.constantFrom(0, 1, 3, 20, 200), agent: fc.constantFrom('light', 'codex', 'remote', 'nobody') },
    answers: { 200: replies.tasksSchema },
    weight: 4,
  },
  { method: 'POST', path: '/task/{}/cancel', prefers: 'running', answers: { 200: task, 202: task }, weight: 3 },
  {
    method: 'POST',
    path: '/task/{}/redrive',
    prefers: 'dead',
    body: redriveBody,
    overrides: { ttlSeconds: fc.constantFrom(0.5, 60, 604_800) },
    answers: { 202: task },
    weight: 3,
  },
  {
    method: 'POST',
    path: '/task/{}/claim',
    prefers: 'queued',
    body: claimBody,
    overrides: terms,
    as: 'codex',
    answers: { 200: replies.claimSchema },
    weight: 4,
  },
  {
    method: 'POST',
    path: '/task/adopt',
    body: adoptBody,
    overrides: terms,
    as: 'codex',
    answers: { 200: replies.claimSchema },
    weight: 2,
  },
  { method: 'POST', path: '/task/{}/renew', body: renewBody, proves: true, answers: { 200: replies.renewalSchema }, weight: 3 },
  {
    method: 'POST',
    path: '/task-update/{}',
    body: updateBody,
    overrides: outcome,
    often: ['outcome'],
    proves: true,
    answers: { 200: replies.updateSchema },
    weight: 6,
  },
  {
    method: 'POST',
    path: '/callbacks/ingest',
    body: ingestBody,
    overrides: outcome,
    proves: true,
    answers: { 200: replies.ingestSchema },
    weight: 3,
  },
  { method: 'GET', path: '/callbacks/key', answers: { 200: replies.keysSchema }, weight: 1 },
  { method: 'POST', path: '/run', body: packetSchema, overrides: packet, answers: { 200: replies.runSchema }, weight: 4 },
  {
    method: 'PUT',
    path: '/budgets/{}',
    body: budgetBody,
    overrides: { limitCents: fc.constantFrom(null, null, 1e9, 1e9, 5_000, 0) },
    answers: { 200: replies.budgetSchema },
    weight: 2,
  },
  { method: 'GET', path: '/budgets/{}', answers: { 200: replies.budgetSchema }, weight: 1 },
  { method: 'GET', path: '/budgets', answers: { 200: replies.budgetsSchema }, weight: 1 },
  {
    method: 'GET',
    path: '/costs',
    query: costsQuery,
    overrides: { from: dates(), to: dates() },
    answers: { 200: replies.costsSchema },
    weight: 1,
  },
  { method: 'GET', path: '/nothing/{}', answers: {}, weight: 1 },
];

function dates(): Arbitrary<unknown> {
  return fc.constantFrom('2000-01-01', '2026-02-29', '9999-12-31', '0000-01-01', new Date().toISOString().slice(0, 10));
}

const SCOPES = fc.oneof(
  fc.constantFrom('tenant', 'agent:light', 'agent:codex', 'agent:nobody'),
  naughty,
  earlier.map((id) => `task:${id}`),
);
const HEADERS = fc.oneof(
  { weight: 30, arbitrary: fc.constant({}) },
  {
    weight: 1,
    arbitrary: fc.constantFrom<Record<string, string>>(
      { authorization: 'Bearer x' },
      { 'x-api-key': 'hg.x' },
      { origin: 'https://x.example' },
      { 'content-type': 'text/plain' },
    ),
  },
);

const callOf = (endpoint: Endpoint): Arbitrary<Call> => {
  const { path, query, body } = endpoint;
  const given = (schema: z.ZodType | undefined) =>
    schema === undefined
      ? fc.constant(undefined)
      : fc.oneof({ weight: 4, arbitrary: admitted(schema, endpoint) }, { weight: 1, arbitrary: nearlyAdmitted(schema, endpoint) });
  return fc.record({
    endpoint: fc.constant(endpoint),
    id: path.startsWith('/budgets')
      ? SCOPES
      : fc.oneof({ weight: 12, arbitrary: fc.nat(60) as Arbitrary<number | string> }, { weight: 1, arbitrary: naughty }),
    proof: endpoint.proves ? fc.option(fc.nat(60), { nil: undefined, freq: 8 }) : fc.constant(undefined),
    cursor: path === '/tasks' ? fc.option(fc.nat(10), { nil: undefined, freq: 2 }) : fc.constant(undefined),
    query: given(query),
    body: given(body),
    headers: HEADERS,
  });
};

export const anyCall: Arbitrary<Call> = fc.oneof(
  ...ENDPOINTS.map((endpoint) => ({ weight: endpoint.weight, arbitrary: callOf(endpoint) })),
);
