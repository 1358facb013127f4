/** What can be asked of Heliograph over HTTP: each endpoint with the schema of what it takes and of what it answers. */

import fc, { type Arbitrary } from 'fast-check';
import { z } from 'zod';
import { agentsQuery } from '../../functions/control/read-agents.ts';
import { registration } from '../../functions/control/registration.ts';
import { packetSchema } from '../../functions/core/packet.ts';
import type { Status } from '../../functions/core/task.ts';
import { adoptBody, checkBody, claimBody, renewBody } from '../../functions/dispatch/agent-claims.ts';
import { budgetBody } from '../../functions/dispatch/budgets.ts';
import { costsQuery } from '../../functions/dispatch/costs.ts';
import { listQuery, taskQuery } from '../../functions/dispatch/read-tasks.ts';
import { redriveBody } from '../../functions/dispatch/redrive.ts';
import { submissionSchema } from '../../functions/dispatch/submit-task.ts';
import { ingestBody, updateBody } from '../../functions/dispatch/task-update.ts';
import * as agents from '../../scripts/openapi/replies/agents.ts';
import * as spending from '../../scripts/openapi/replies/spending.ts';
import * as replies from '../../scripts/openapi/replies/tasks.ts';
import { admitted, type Hints, naughty, nearlyAdmitted } from './arbitraries.ts';
import { CONTROL_ENDPOINTS } from './control-calls.ts';
import * as hints from './hints.ts';
import { days, earlier, outcome, packet, terms } from './hints.ts';
import { PROJECT_ENDPOINTS } from './project-calls.ts';

export interface Endpoint extends Hints {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  /** `{}` stands for an id, a scope, or an agent’s name; `{backup}` for a backup behind its project. */
  readonly path: string;
  readonly query?: z.ZodType;
  readonly body?: z.ZodType;
  /** What a success looks like, by status; `events` is a stream of them, `lines` an export. */
  readonly answers: Readonly<Record<number, z.ZodType | 'events' | 'lines'>>;
  /** Answers that need not come. */
  readonly seldom?: Endpoint['answers'];
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
    answers: { 200: z.union([task, replies.packetSchema]) },
    weight: 3,
  },
  {
    method: 'POST',
    path: '/submit-task',
    body: submissionSchema,
    overrides: hints.submission,
    answers: { 200: replies.submittedSchema },
    weight: 6,
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
  { method: 'POST', path: '/task/{}/cancel', prefers: 'running', answers: { 200: task, 202: task }, weight: 6 },
  {
    method: 'POST',
    path: '/task/{}/redrive',
    prefers: 'dead',
    body: redriveBody,
    overrides: { ttlSeconds: fc.constantFrom(0.5, 60, 604_800) },
    answers: { 202: task },
    weight: 8,
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
    path: '/task/{}/check',
    body: checkBody,
    overrides: { tenant: fc.constantFrom('default', 'default', 'another') },
    proves: true,
    answers: { 200: replies.checkSchema },
    weight: 2,
  },
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
    answers: { 200: spending.budgetSchema },
    weight: 2,
  },
  { method: 'GET', path: '/budgets/{}', answers: { 200: spending.budgetSchema }, weight: 1 },
  { method: 'GET', path: '/budgets', answers: { 200: spending.budgetsSchema }, weight: 1 },
  {
    method: 'GET',
    path: '/costs',
    query: costsQuery,
    overrides: { from: days, to: days },
    answers: { 200: spending.costsSchema },
    weight: 1,
  },
  {
    method: 'POST',
    path: '/register-agent',
    body: registration,
    overrides: hints.registration,
    often: ['endpoint', 'handler_type', 'handler_type'],
    answers: { 200: agents.agentDoneSchema },
    weight: 5,
  },
  {
    method: 'GET',
    path: '/agents',
    query: agentsQuery,
    overrides: { limit: fc.constantFrom(0, 1, 3, 200) },
    answers: { 200: agents.agentsSchema },
    weight: 2,
  },
  { method: 'GET', path: '/agents/{}', answers: { 200: agents.agentSchema }, weight: 2 },
  { method: 'DELETE', path: '/agents/{}', answers: { 200: agents.agentDoneSchema }, weight: 1 },
  { method: 'POST', path: '/agents/{}/enable', answers: { 200: agents.agentSchema }, weight: 2 },
  { method: 'POST', path: '/agents/{}/disable', answers: { 200: agents.agentSchema }, weight: 1 },
  { method: 'POST', path: '/agents/{}/heartbeat', answers: { 200: agents.heartbeatSchema }, weight: 1 },
  ...CONTROL_ENDPOINTS,
  ...PROJECT_ENDPOINTS,
  { method: 'GET', path: '/nothing/{}', answers: {}, weight: 1 },
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

const LISTS = new Set(['/tasks', '/agents', '/projects', '/projects/{}/backups', '/approvals', '/audit']);

function idsOf(path: string): Arbitrary<number | string> {
  const usual = (arbitrary: Arbitrary<number | string>) => fc.oneof({ weight: 12, arbitrary }, { weight: 1, arbitrary: naughty });
  if (path.startsWith('/budgets')) return SCOPES;
  if (path.startsWith('/agents')) return usual(hints.agentNames);
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
