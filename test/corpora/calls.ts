/** What can be asked of Heliograph over HTTP: each endpoint with the schema of what it takes and of what it answers. */

import fc, { type Arbitrary } from 'fast-check';
import type { z } from 'zod';
import type { Status } from '../../functions/core/task.ts';
import { admitted, type Hints, naughty, nearlyAdmitted } from './arbitraries.ts';
import { CONTROL_ENDPOINTS } from './control-calls.ts';
import { type Described, described } from './described.ts';
import * as hints from './hints.ts';
import { days, earlier, outcome, packet, terms } from './hints.ts';
import { JOB_ENDPOINTS } from './job-calls.ts';
import { PROJECT_ENDPOINTS } from './project-calls.ts';

export interface Endpoint extends Hints, Described {
  /** The successes that need not come. */
  readonly seldom?: readonly number[];
  /** In which state a task has something to do here: every second call names such a one, if there is any. */
  readonly prefers?: Status;
  /** Whose ID token it wants. */
  readonly as?: 'codex';
  /** Whether its proof is an attempt's. */
  readonly proves?: boolean;
  /** Whether it names a task that waits for an approval, with what is to be approved. */
  readonly approves?: boolean;
  readonly weight: number;
}

/** One request. Numbers refer to what earlier replies have shown, modulo how many there are. */
export interface Call {
  readonly endpoint: Endpoint;
  readonly id: number | string;
  readonly proof: number | undefined;
  readonly cursor: number | undefined;
  readonly backup: string;
  readonly query: unknown;
  readonly body: unknown;
  readonly headers: Readonly<Record<string, string>>;
}

export const ENDPOINTS: readonly Endpoint[] = [
  {
    ...described('POST', '/dispatch'),
    overrides: packet,
    often: ['maxAttempts', 'mode'],
    weight: 12,
  },
  {
    ...described('GET', '/task/{}'),
    overrides: { waitSeconds: fc.constantFrom(0, 0.001, 0.05) },
    weight: 6,
  },
  {
    ...described('GET', '/task-status/{}'),
    overrides: { waitSeconds: fc.constant(0) },
    weight: 3,
  },
  {
    ...described('POST', '/submit-task'),
    overrides: hints.submission,
    weight: 6,
  },
  { ...described('GET', '/task/{}/events'), weight: 3 },
  {
    ...described('GET', '/tasks'),
    overrides: { limit: fc.constantFrom(0, 1, 3, 20, 200), agent: fc.constantFrom('light', 'codex', 'remote', 'nobody') },
    weight: 4,
  },
  { ...described('POST', '/task/{}/cancel'), prefers: 'running', weight: 6 },
  {
    ...described('POST', '/task/{}/redrive'),
    prefers: 'dead',
    overrides: { ttlSeconds: fc.constantFrom(0.5, 60, 604_800) },
    weight: 8,
  },
  {
    ...described('POST', '/task/{}/claim'),
    prefers: 'queued',
    overrides: terms,
    as: 'codex',
    weight: 4,
  },
  {
    ...described('POST', '/task/adopt'),
    overrides: terms,
    as: 'codex',
    weight: 2,
  },
  { ...described('POST', '/task/{}/renew'), proves: true, weight: 3 },
  {
    ...described('POST', '/task/{}/check'),
    overrides: { tenant: fc.constantFrom('default', 'default', 'another') },
    proves: true,
    weight: 2,
  },
  {
    ...described('POST', '/task-update/{}'),
    overrides: outcome,
    often: ['outcome'],
    proves: true,
    weight: 6,
  },
  {
    ...described('POST', '/callbacks/ingest'),
    overrides: outcome,
    proves: true,
    weight: 3,
  },
  { ...described('GET', '/callbacks/key'), weight: 1 },
  { ...described('POST', '/run'), overrides: packet, weight: 4 },
  {
    ...described('PUT', '/budgets/{}'),
    overrides: { limitCents: fc.constantFrom(null, null, 1e9, 1e9, 5_000, 0) },
    weight: 2,
  },
  { ...described('GET', '/budgets/{}'), weight: 1 },
  { ...described('GET', '/budgets'), weight: 1 },
  {
    ...described('GET', '/costs'),
    overrides: { from: days, to: days },
    weight: 1,
  },
  {
    ...described('POST', '/register-agent'),
    overrides: hints.registration,
    often: ['endpoint', 'handler_type', 'handler_type'],
    weight: 5,
  },
  {
    ...described('GET', '/agents'),
    overrides: { limit: fc.constantFrom(0, 1, 3, 200) },
    weight: 2,
  },
  { ...described('GET', '/agents/{}'), weight: 2 },
  { ...described('DELETE', '/agents/{}'), weight: 1 },
  { ...described('POST', '/agents/{}/enable'), weight: 2 },
  { ...described('POST', '/agents/{}/disable'), weight: 1 },
  { ...described('POST', '/agents/{}/heartbeat'), weight: 1 },
  ...CONTROL_ENDPOINTS,
  ...JOB_ENDPOINTS,
  ...PROJECT_ENDPOINTS,
  { method: 'GET', path: '/nothing/{}', answers: {}, codes: { 404: ['not_found'] }, weight: 1 },
];

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

const LISTS = new Set(['/tasks', '/agents', '/projects', '/projects/{}/backups', '/approvals', '/audit', '/intents']);

function idsOf(path: string): Arbitrary<number | string> {
  const usual = (arbitrary: Arbitrary<number | string>) => fc.oneof({ weight: 12, arbitrary }, { weight: 1, arbitrary: naughty });
  if (path.startsWith('/budgets')) return SCOPES;
  if (path.startsWith('/agents')) return usual(hints.agentNames);
  if (path.startsWith('/jobs')) return usual(hints.job);
  if (path.startsWith('/intents')) return usual(hints.intentNames);
  if (path.startsWith('/projects')) return usual(hints.project);
  if (path.startsWith('/rollbacks')) return usual(hints.rollback);
  if (path.startsWith('/rollback')) return usual(fc.oneof(hints.backup, hints.backup, fc.constant('latest')));
  return usual(fc.nat(60));
}

const callOf = (endpoint: Endpoint): Arbitrary<Call> => {
  const { path, query, body } = endpoint;
  const given = (schema: z.ZodType | undefined) =>
    schema === undefined
      ? fc.constant(undefined)
      : fc.oneof({ weight: 4, arbitrary: admitted(schema, endpoint) }, { weight: 1, arbitrary: nearlyAdmitted(schema, endpoint) });
  return fc.record({
    endpoint: fc.constant(endpoint),
    id: idsOf(path),
    backup: fc.oneof({ weight: 9, arbitrary: hints.backup }, { weight: 1, arbitrary: naughty }),
    proof: endpoint.proves || endpoint.approves ? fc.option(fc.nat(60), { nil: undefined, freq: 8 }) : fc.constant(undefined),
    cursor: LISTS.has(path) ? fc.option(fc.nat(10), { nil: undefined, freq: 2 }) : fc.constant(undefined),
    query: given(query),
    body: given(body),
    headers: HEADERS,
  });
};

export const anyCall: Arbitrary<Call> = fc.oneof(
  ...ENDPOINTS.map((endpoint) => ({ weight: endpoint.weight, arbitrary: callOf(endpoint) })),
);
