import assert from 'node:assert/strict';
import { brokenLink, timelineStart } from '../../functions/core/signing.ts';
import type { Task } from '../../functions/core/task.ts';
import { until } from '../support/folder.ts';
import type { Refusal, View } from '../support/stack.ts';
import { type EmbeddedTestStack, embeddedStack } from '../support/stack-embedded.ts';
import { claimAsCodex, push } from '../support/stack-push.ts';

interface Claimed {
  readonly taskId: string;
  readonly epoch: number;
  readonly outcomeToken: string;
}

describe('results', function () {
  this.timeout(20_000);
  let stack: EmbeddedTestStack;
  before(async () => {
    stack = await embeddedStack({ 'times.republishMs': 60_000 });
  });
  after(() => stack.stop());
  afterEach(() => {
    stack.fate = () => 'out';
  });

  /** A task of codex that was claimed by the test; its own message is lost, so codex never sees it. */
  async function claimed(packet: object = {}): Promise<Claimed> {
    stack.fate = (topic) => (topic === 'tasks' ? 'lost' : 'out');
    const { body } = await stack.dispatch({ agent: 'codex', mode: 'pubsub', ...packet });
    return claimAgain(body.id);
  }
  async function claimAgain(id: string): Promise<Claimed> {
    let reply = await claimAsCodex(stack, id);
    await until(async () => {
      if (reply.body.kind !== 'claimed') reply = await claimAsCodex(stack, id);
      return reply.body.kind === 'claimed';
    });
    const { taskId, epoch, outcomeToken } = reply.body.attempt;
    return { taskId, epoch, outcomeToken };
  }
  const result = (data: object) => push(stack, 'results', '/pubsub/results', { data });
  const view = async (id: string): Promise<View> => (await stack.get(`/task/${id}`)).body;
  const update = (attempt: Claimed, outcome: object) => {
    const { epoch, outcomeToken } = attempt;
    return stack.post<{ status: string } & Refusal>(`/task-update/${attempt.taskId}`, { epoch, outcomeToken, outcome });
  };

  type Row = [name: string, outcome: Record<string, unknown>, status: string, cost: number];
  const rows: Row[] = [
    ['a success', { status: 'succeeded', result: { n: 1 }, costMicros: 20_000 }, 'succeeded', 2],
    ['a success without a cost: the quote', { status: 'succeeded', result: null }, 'succeeded', 5],
    ['a success above the quote: the quote', { status: 'succeeded', result: 1, costMicros: 9_999_999 }, 'succeeded', 5],
    ['a failure', { status: 'failed', error: { code: 'broken', message: 'm' }, costMicros: 0 }, 'failed', 0],
    ['an expiry', { status: 'expired' }, 'expired', 5],
    ['a cancellation', { status: 'cancelled' }, 'cancelled', 5],
  ];
  for (const [name, outcome, status, cost] of rows) {
    it(`closes a task once: ${name}`, async () => {
      const attempt = await claimed();
      const statuses = await Promise.all(Array.from({ length: 10 }, () => result({ ...attempt, outcome })));
      assert.deepEqual([...new Set(statuses)], [204]);
      const first = await view(attempt.taskId);
      assert.deepEqual([first.status, first.costCents], [status, cost]);
      assert.equal(first.timeline.filter(({ event }) => event === status).length, 1);
      assert.equal(await result({ ...attempt, outcome: { status: 'succeeded', result: 'another' } }), 204);
      assert.deepEqual((await view(attempt.taskId)).result, first.result);
      assert.equal((await view(attempt.taskId)).status, status);
    });
  }

  it('queues a retry once, however often it comes, and later reports of it do not end the task', async () => {
    const attempt = await claimed();
    const retry = { status: 'retry', error: { code: 'busy', message: 'm' }, costMicros: 10_000, retryAfterMs: 60_000 };
    for (let n = 0; n < 3; n++) assert.equal(await result({ ...attempt, outcome: retry }), 204);
    assert.equal((await update(attempt, { status: 'retry', costCents: 1, retryAfterMs: 1 })).status, 200);
    const queued = await view(attempt.taskId);
    assert.deepEqual([queued.status, queued.costCents, queued.attempts], ['queued', 1, 1]);
    assert.equal(queued.timeline.filter(({ event }) => event === 'retry').length, 1);
  });

  it('drops a failure of an older attempt, but settles what it cost', async () => {
    const older = await claimed();
    await update(older, { status: 'retry', retryAfterMs: 0 });
    const newer = await claimAgain(older.taskId);
    assert.deepEqual([older.epoch, newer.epoch], [1, 2]);
    await result({ ...older, outcome: { status: 'failed', error: { code: 'late', message: 'm' }, costMicros: 10_000 } });
    assert.deepEqual([(await view(older.taskId)).status, (await view(older.taskId)).costCents], ['running', 1]);
    await update(newer, { status: 'succeeded', result: 2, costCents: 2 });
    const ended = await view(older.taskId);
    assert.deepEqual([ended.status, ended.result, ended.costCents], ['succeeded', 2, 3]);
  });

  it('takes a success of an older attempt, and settles the newer one when it reports', async () => {
    const older = await claimed();
    await update(older, { status: 'retry', retryAfterMs: 0 });
    const newer = await claimAgain(older.taskId);
    await result({ ...older, outcome: { status: 'succeeded', result: 'older', costMicros: 20_000 } });
    const ended = await view(older.taskId);
    assert.deepEqual([ended.status, ended.result, ended.costCents], ['succeeded', 'older', 7]);
    await update(newer, { status: 'succeeded', result: 'newer', costCents: 1 });
    const settled = await view(older.taskId);
    assert.deepEqual([settled.result, settled.costCents], ['older', 3]);
    await update(newer, { status: 'succeeded', result: 'newer', costCents: 0.5 });
    assert.equal((await view(older.taskId)).costCents, 3, 'a report counts once');
  });

  it('drops a late failure of the life before a redrive', async () => {
    const attempt = await claimed({ maxAttempts: 1 });
    await update(attempt, { status: 'retry', costCents: 2 });
    const { taskId } = attempt;
    assert.equal((await view(taskId)).status, 'dead');
    assert.equal((await stack.post(`/task/${taskId}/redrive`, {})).status, 202);
    for (const status of ['failed', 'expired', 'cancelled', 'retry']) {
      await result({ ...attempt, outcome: { status, error: { code: 'late', message: 'm' } } });
    }
    const redriven = await view(taskId);
    assert.deepEqual([redriven.status, redriven.costCents], ['queued', 2]);
    const again = await claimAgain(taskId);
    assert.ok(again.epoch > attempt.epoch);
    await update(again, { status: 'succeeded', costCents: 1 });
    assert.deepEqual([(await view(taskId)).status, (await view(taskId)).costCents], ['succeeded', 3]);
  });

  const arrivals: [string, number, string][] = [
    ['counts a success that ended in time, though it comes after the ttl', -100, 'succeeded'],
    ['takes a success that ended after the ttl for an expiry', 100, 'expired'],
  ];
  for (const [name, afterMs, status] of arrivals) {
    it(name, async () => {
      const attempt = await claimed({ ttlSeconds: 0.8 });
      const ttlMs = (await view(attempt.taskId)).ttl * 1000;
      await until(async () => Date.now() > ttlMs + 150);
      const outcome = { status: 'succeeded', result: 1, endedAt: ttlMs + afterMs, costMicros: 10_000 };
      assert.equal(await result({ ...attempt, outcome }), 204);
      const ended = await view(attempt.taskId);
      assert.deepEqual([ended.status, ended.costCents], [status, 1]);
      assert.equal(ended.error?.code, status === 'expired' ? 'ttl_expired' : undefined);
    });
  }

  it('judges a success that does not say when it ended by when it was published, be it dead-lettered since', async () => {
    for (const [afterMs, isDead, status] of [
      [-100, false, 'succeeded'],
      [-100, true, 'succeeded'],
      [100, false, 'expired'],
      [100, true, 'expired'],
    ] as const) {
      const attempt = await claimed({ ttlSeconds: 0.8 });
      const ttlMs = (await view(attempt.taskId)).ttl * 1000;
      await until(async () => Date.now() > ttlMs + 150);
      const first = new Date(ttlMs + afterMs).toISOString();
      const data = { ...attempt, outcome: { status: 'succeeded', result: 1 } };
      const dead = { data, attributes: { CloudPubSubDeadLetterSourceTopicPublishTime: first.replace('Z', '+00:00') } };
      if (isDead) await push(stack, 'dead-letters', '/pubsub/dead-results', dead);
      else await push(stack, 'results', '/pubsub/results', { data, publishTime: first });
      assert.equal((await view(attempt.taskId)).status, status, `${afterMs} ${isDead}`);
    }
  });

  it('records what a report claims above its quote, whatever the outcome, and charges the quote', async () => {
    for (const outcome of [{ status: 'retry', retryAfterMs: 60_000 }, { status: 'succeeded' }, { status: 'failed' }]) {
      const attempt = await claimed();
      await result({ ...attempt, outcome: { ...outcome, costMicros: 50_003 } });
      const seen = await view(attempt.taskId);
      assert.deepEqual([seen.costCents, seen.timeline.at(-1)?.overrunMicros], [5, 3], JSON.stringify(seen));
    }
  });

  it('never raises a charge by a late report', async () => {
    const attempt = await claimed();
    await update(attempt, { status: 'succeeded', costCents: 1 });
    await update(attempt, { status: 'succeeded', costCents: 4 });
    assert.equal((await view(attempt.taskId)).costCents, 1);
  });

  it('moves the older half of a long timeline out, and keeps the chain whole', async () => {
    const attempt = await claimed({ ttlSeconds: 60 });
    const { taskId, epoch, outcomeToken } = attempt;
    for (let n = 0; n < 230; n++) await stack.post(`/task-update/${taskId}`, { epoch, outcomeToken, note: `note ${n}` });
    await update(attempt, { status: 'succeeded' });
    const shown = await view(taskId);
    assert.ok(shown.timeline.length <= 200);
    assert.equal(shown.timeline.at(-1)?.event, 'succeeded');
    const { task } = await stack.stored(taskId);
    const archive = await stack.documents.get('timelines', `${taskId}-${archivedHash(task)}`);
    const entries = archive?.data.entries as Task['timeline'];
    assert.equal(entries.length, 100);
    assert.equal(brokenLink(stack.signing, [...entries, ...task.timeline], timelineStart('default', taskId)), -1);
    assert.equal(entries.length + task.timeline.length, 233);

    /** The archive is named by its first entry, which is the first of all: made anew from what it says. */
    function archivedHash({ createdAt }: Task): string {
      return stack.signing.chain(timelineStart('default', taskId), { at: createdAt, event: 'queued', by: 'local' }).slice(0, 16);
    }
  });

  const refused: [string, (attempt: Claimed) => unknown, string][] = [
    ['no JSON', () => 'nothing', 'invalid_json'],
    ['null', () => null, 'invalid_result'],
    ['no outcome', (attempt) => attempt, 'invalid_result'],
    ['an unknown state', (attempt) => ({ ...attempt, outcome: { status: 'dead' } }), 'invalid_result'],
    [
      'a cost that is no number',
      (attempt) => ({ ...attempt, outcome: { status: 'succeeded', costMicros: '1' } }),
      'invalid_result',
    ],
    ['another epoch', (attempt) => ({ ...attempt, epoch: 2, outcome: { status: 'succeeded' } }), 'wrong_outcome_token'],
    ['another task', (attempt) => ({ ...attempt, taskId: 'other', outcome: { status: 'succeeded' } }), 'wrong_outcome_token'],
    [
      'a made-up token',
      (attempt) => ({ ...attempt, outcomeToken: 'codex.x', outcome: { status: 'succeeded' } }),
      'wrong_outcome_token',
    ],
    [
      'a task that is not there',
      () => ({
        taskId: 'none',
        epoch: 1,
        outcomeToken: stack.signing.outcomeToken('none', 'codex', 1),
        outcome: { status: 'succeeded' },
      }),
      'unknown_task',
    ],
  ];
  for (const path of ['results /pubsub/results', 'dead-letters /pubsub/dead-results']) {
    for (const [name, data, code] of refused) {
      it(`quarantines with the reason and acknowledges ${name}, at ${path}`, async () => {
        const attempt = await claimed();
        const before = await view(attempt.taskId);
        const [room, at] = path.split(' ') as [string, string];
        const messageId = `${path} ${name}`;
        assert.equal(await push(stack, room, at, { data: data(attempt), messageId }), 204);
        const kept = (await stack.quarantined()).filter((document) => document.data.messageId === messageId);
        assert.deepEqual(
          kept.map((document) => document.data.code),
          [code],
        );
        assert.deepEqual(await view(attempt.taskId), before);
        await update(attempt, { status: 'succeeded' });
      });
    }
  }

  it('believes of a tampered message what its outcome token proves, and nothing else', async () => {
    const attempt = await claimed();
    const { version, task: before } = await stack.stored(attempt.taskId);
    const core = { ...before, tenant: 'other', budgetMicros: 1, charges: [], callbackUrl: 'https://evil.example/' };
    await result({ ...attempt, outcome: { status: 'succeeded', result: 1 }, version, core });
    const { task } = await stack.stored(attempt.taskId);
    assert.deepEqual([task.status, task.tenant, task.budgetMicros, task.callbackUrl], ['succeeded', 'default', 250_000, undefined]);
    assert.equal((await view(attempt.taskId)).costCents, 5);
  });

  it('closes by itself when the outcome cannot be published', async () => {
    stack.fate = (topic) => (topic === 'results' ? 'failed' : 'out');
    const view = await stack.run({ payload: { own: 1 } });
    assert.deepEqual([view.status, view.result], ['succeeded', { echo: { own: 1 } }]);
  });

  it('closes what was dead-lettered on its way', async () => {
    const attempt = await claimed();
    const data = { ...attempt, outcome: { status: 'succeeded', result: 'late' } };
    assert.equal(await push(stack, 'dead-letters', '/pubsub/dead-results', { data }), 204);
    assert.equal((await view(attempt.taskId)).result, 'late');
  });
});
