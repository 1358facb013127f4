import assert from 'node:assert/strict';
import { coreOf, isEnded, STATUSES, type Task } from '../../functions/core/task.ts';
import { taskView } from '../../functions/core/task-view.ts';

const AT = Date.UTC(2026, 10, 21, 12, 0, 0, 5);
const bare = {
  tenant: 'acme',
  agent: 'light',
  mode: 'pubsub',
  status: 'queued',
  traceId: 't',
  ttl: 1_795_262_400.25,
  budgetMicros: 250_000,
  budgetFromEpoch: 0,
  charges: [],
  attempts: 0,
  maxAttempts: 5,
  epoch: 0,
  fingerprint: 'f',
  requestId: 'r',
  priority: 0,
  shard: 3,
  redrives: 0,
  createdAt: AT,
  updatedAt: AT,
  chain: { head: 'h', count: 1 },
  payload: { a: 1 },
  timeline: [{ at: AT, event: 'queued', by: 'local', hash: 'h' }],
} satisfies Task;
const view = (part: Partial<Task>) => taskView('id-1', { ...bare, ...part } as Task);

describe('the task view', () => {
  it('shows exactly what a client may see, times as ISO 8601, money in cents, ttl in Unix seconds', () => {
    assert.deepEqual(view({}), {
      id: 'id-1',
      agent: 'light',
      mode: 'pubsub',
      status: 'queued',
      traceId: 't',
      payload: { a: 1 },
      budgetCents: 25,
      costCents: 0,
      ttl: 1_795_262_400.25,
      attempts: 0,
      createdAt: '2026-11-21T12:00:00.005Z',
      updatedAt: '2026-11-21T12:00:00.005Z',
      timeline: [{ at: '2026-11-21T12:00:00.005Z', event: 'queued', by: 'local', hash: 'h' }],
    });
  });

  const rows: [string, Partial<Task>, Record<string, unknown>][] = [
    ['a result', { result: { n: 1 } }, { result: { n: 1 } }],
    ['a result of null', { result: null }, { result: null }],
    ['an error', { error: { code: 'x', message: 'y' } }, { error: { code: 'x', message: 'y' } }],
    [
      'why its last attempt failed, and when it is tried again, while it is open',
      { lastError: { code: 'agent_unreachable', message: 'Agent a answered 500' }, retryAt: AT },
      { lastError: { code: 'agent_unreachable', message: 'Agent a answered 500' }, retryAt: '2026-11-21T12:00:00.005Z' },
    ],
    ['the end', { finishedAt: AT }, { finishedAt: '2026-11-21T12:00:00.005Z' }],
    [
      'what it cost so far',
      {
        charges: [
          { epoch: 1, quoteMicros: 9, costMicros: 3 },
          { epoch: 2, quoteMicros: 9 },
        ],
      },
      { costCents: 0.0003 },
    ],
    ['that it is to be cancelled', { cancelRequested: true }, { cancelRequested: true }],
    [
      'what the client gave',
      { idempotencyKey: 'k', callbackUrl: 'https://e.example', metadata: { m: 1 }, sessionId: 's' },
      { idempotencyKey: 'k', callbackUrl: 'https://e.example', metadata: { m: 1 }, sessionId: 's' },
    ],
    [
      'a large payload as a reference without its place',
      { payload: undefined, payloadRef: { bucket: 'b', name: 'n', sha256: 'x', bytes: 5 } },
      { payload: { reference: true, sha256: 'x', bytes: 5 } },
    ],
    [
      'a large result likewise',
      { resultRef: { bucket: 'b', name: 'n', sha256: 'x', bytes: 5 } },
      { result: { reference: true, sha256: 'x', bytes: 5 } },
    ],
  ];
  it('says of an ended one nothing of the attempts before', () => {
    const shown = view({ status: 'succeeded', lastError: { code: 'busy', message: 'm' } });
    assert.equal('lastError' in shown, false);
  });

  for (const [name, part, wanted] of rows) {
    it(`shows ${name}`, () => {
      const shown = view(part);
      for (const [field, value] of Object.entries(wanted)) assert.deepEqual(shown[field], value, field);
    });
  }
});

describe('the states of a task', () => {
  it('are eight, five of them ends', () => {
    assert.equal(STATUSES.length, 8);
    assert.deepEqual(STATUSES.filter(isEnded), ['succeeded', 'failed', 'expired', 'cancelled', 'dead']);
  });
});

describe('the core of a task', () => {
  it('leaves out the bulk and nothing else', () => {
    const bulk = { result: 1, error: { code: 'c', message: 'm' }, lastError: { code: 'c', message: 'm' }, metadata: {}, work: {} };
    const { payload: _, timeline: __, ...core } = bare;
    assert.deepEqual(coreOf({ ...bare, ...bulk } as Task), core);
  });
});
