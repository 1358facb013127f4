/** What to put into requests so that most of them are admitted, and do something. */

import fc, { type Arbitrary } from 'fast-check';
import { anyJson, anyObject, naughty, type Overrides } from './arbitraries.ts';

const soon = Date.now() / 1000;
/** Replaced by the id of a task that an earlier reply has shown. */
export const EARLIER = 'earlier task ';
export const earlier = fc.nat(30).map((n) => EARLIER + n);
/** The same with the ids of projects, backups and rollbacks, and with the paths of the projects that there may be. */
export const EARLIER_PROJECT = 'earlier project ';
export const EARLIER_BACKUP = 'earlier backup ';
export const EARLIER_ROLLBACK = 'earlier rollback ';
export const EARLIER_JOB = 'earlier job ';
export const PROJECT_PATH = 'path of project ';
const placed = (place: string, most: number) => fc.nat(most).map((n) => place + n);
export const project = placed(EARLIER_PROJECT, 3);
export const backup = placed(EARLIER_BACKUP, 20);
export const rollback = placed(EARLIER_ROLLBACK, 5);
export const job = placed(EARLIER_JOB, 20);
const projectPath = placed(PROJECT_PATH, 1);
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

/** A modification needs a project. */
const submitted = fc.oneof(
  { weight: 3, arbitrary: packet.payload as Arbitrary<unknown> },
  { weight: 1, arbitrary: fc.record({ project_path: projectPath }) },
);

export const submission: Overrides = {
  system_name: packet.agent as Arbitrary<unknown>,
  task_id: usual(
    4,
    fc.nat(20).map((n) => `task ${n}`),
    naughty,
  ),
  task_type: fc.constantFrom('analysis', 'verification', 'deployment', 'analysis', 'deployment', 'modification'),
  max_retries: packet.maxAttempts as Arbitrary<unknown>,
  payload: submitted,
  backup_id: usual(6, fc.constant(null), fc.oneof(backup, naughty)),
  projectId: usual(3, project, naughty),
  ...Object.fromEntries(
    ['metadata', 'ttlSeconds', 'budgetCents', 'callbackUrl', 'parentTaskId', 'dependencies', 'notBefore'].map((field) => [
      field,
      packet[field] as Arbitrary<unknown>,
    ]),
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
  taskTypes: fc.constantFrom<unknown>([], ['deployment'], ['deployment'], ['deployment', 'modification']),
  agents: fc.oneof(fc.constant([]), fc.uniqueArray(agentNames, { maxLength: 2 })),
  costAboveCents: fc.constantFrom(1_000, 1e9),
  // Where everybody is the same, four eyes approve nothing.
  fourEyes: usual(9, fc.constant(false), fc.constant(true)),
};

export const projects: Overrides = {
  project_path: usual(9, projectPath, naughty),
  project_id: usual(4, project, naughty),
  project: usual(4, project, naughty),
  from: usual(6, backup, naughty),
  to: usual(6, fc.oneof(backup, fc.constant('now')), naughty),
  since: usual(4, backup, naughty),
  limit: fc.constantFrom(0, 1, 3, 200),
  last: fc.constantFrom(1, 3, 100),
};

export const audit: Overrides = {
  limit: fc.constantFrom(0, 1, 5, 200),
  taskId: usual(4, earlier, naughty),
  entity: usual(
    4,
    fc.oneof(
      agentNames.map((name) => `agent:${name}`),
      project.map((id) => `project:${id}`),
    ),
    naughty,
  ),
  actor: usual(4, fc.constant('local'), naughty),
  from: fc.constantFrom('2020-01-01', '2026-02-29', new Date(0).toISOString()),
  to: fc.constantFrom('2999-01-01', '2020-01-01T00:00:00Z'),
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

/** The names of the flows that come and go. */
export const intentNames = fc.constantFrom('shop.order', 'shop.order', 'shop.mail');

export const intent: Overrides = {
  mode: usual(9, fc.constant('flow'), fc.constant('mcp')),
  target: usual(6, fc.constantFrom('http://127.0.0.1:9/hook', 'https://10.0.0.1/', 'none/tool'), naughty),
  timeLimitSeconds: fc.constantFrom(0.5, 60, 540),
  priceCents: bases,
};

/** What a tool answers at once, and what fails at once. */
export const orchestrated: Overrides = {
  intent: usual(9, fc.constantFrom('memory.write', 'memory.search', 'memory.list', 'http.fetch', 'shop.order'), naughty),
  inputs: usual(6, fc.record({ text: naughty, query: naughty }, { requiredKeys: [] }), anyObject),
  mode: fc.constantFrom('auto', 'auto', 'agent', 'flow', 'mcp'),
  callback_url: packet.callbackUrl as Arbitrary<unknown>,
  idempotency_key: fc.nat(20).map((n) => `job key ${n}`),
};
