import assert from 'node:assert/strict';
import { setTimeout as pause } from 'node:timers/promises';
import { describeWithEmulators } from '../support/emulators.ts';
import { until } from '../support/folder.ts';
import { type GatedAgent, gatedAgent } from '../support/gated-agent.ts';
import { httpListener } from '../support/http-listener.ts';
import type { Refusal, TestStack, View } from '../support/stack.ts';
import { embeddedStack } from '../support/stack-embedded.ts';
import { emulatedStack } from '../support/stack-emulated.ts';
import { traced } from '../support/stack-push.ts';

const events = ({ timeline }: View): string[] => timeline.map(({ event }) => event);
const at = ({ timeline }: View, wanted: string): number => Date.parse(String(timeline.find(({ event }) => event === wanted)?.at));
const later = () => Date.now() / 1000 + 600;

/** What has to be the same on every runtime. */
function waitsForOthers(stackOf: () => TestStack, agentOf: () => GatedAgent): void {
  const held = async (): Promise<View> => (await stackOf().dispatch({ mode: 'pubsub', notBefore: later() })).body;
  const after = async (dependencies: readonly string[], packet: Record<string, unknown> = {}): Promise<View> => {
    const { status, body } = await stackOf().dispatch({ mode: 'pubsub', dependencies, ...packet });
    assert.ok([200, 202].includes(status), JSON.stringify(body));
    return body;
  };
  const cancel = async (id: string) => assert.equal((await stackOf().post(`/task/${id}/cancel`, {})).status, 200);
  /** A task that runs until it is let go. */
  const kept = async () => {
    const { packet, open } = agentOf().gate();
    return { id: (await stackOf().dispatch(packet)).body.id, open };
  };
  const busy = (pauseMs: number, more: Record<string, unknown> = {}) => ({
    agent: 'codex',
    mode: 'pubsub',
    payload: { pauseMs, ...more },
  });

  it('runs once all its dependencies have succeeded, and says meanwhile for whom it waits', async () => {
    const [slow, quick] = [await kept(), await kept()];
    const waiting = await after([slow.id, quick.id]);
    assert.deepEqual([waiting.status, waiting.dependencies], ['waiting', [slow.id, quick.id]]);
    assert.deepEqual(waiting.waitingFor, [slow.id, quick.id]);
    const { tasks } = (await stackOf().get<{ tasks: View[] }>('/tasks?status=waiting&limit=200')).body;
    assert.ok(tasks.some(({ id }) => id === waiting.id));
    quick.open();
    await stackOf().reaches(waiting.id, ({ waitingFor }) => JSON.stringify(waitingFor) === JSON.stringify([slow.id]));
    slow.open();
    const view = await stackOf().ended(waiting.id);
    assert.deepEqual([view.status, events(view)], ['succeeded', ['waiting', 'queued', 'running', 'succeeded']]);
    assert.deepEqual([view.dependencies, view.waitingFor], [[slow.id, quick.id], undefined]);
    assert.ok(at(view, 'running') >= Date.parse(String((await stackOf().ended(slow.id)).finishedAt)));
  });

  it('runs at once when they have all succeeded before', async () => {
    const { id } = await stackOf().run({});
    const { status, body } = await stackOf().dispatch({ dependencies: [id] });
    assert.deepEqual([status, body.status, events(body)], [200, 'succeeded', ['queued', 'running', 'succeeded']]);
    assert.equal((await stackOf().run({ dependencies: [] })).dependencies, undefined);
  });

  for (const [end, packet] of [
    ['failed', { agent: 'codex', payload: { fail: 'terminal' } }],
    ['dead', { agent: 'codex', payload: { fail: 'retry' }, maxAttempts: 1 }],
    ['expired', { ttlSeconds: 0.000_001 }],
  ] as const) {
    it(`ends as cancelled when a dependency ends as ${end}, before or after`, async () => {
      const first = await held();
      const { id } = (await stackOf().dispatch({ mode: 'pubsub', dependencies: [first.id], ...packet, ttlSeconds: 20 })).body;
      const waiting = await after([id]);
      const ended = await stackOf().run(packet);
      const late = await after([ended.id, first.id]);
      assert.deepEqual([late.status, late.error?.code, late.costCents], ['cancelled', 'dependency_failed', 0]);
      assert.match(String(late.error?.message), new RegExp(`${ended.id}.*ended as ${end}`));
      await cancel(first.id);
      const view = await stackOf().ended(waiting.id);
      assert.deepEqual([view.status, view.error?.code, events(view)], ['cancelled', 'dependency_failed', ['waiting', 'cancelled']]);
    });
  }

  it('ends as cancelled when its dependency fails while it waits, and so do those that wait for it', async () => {
    const first = (await stackOf().dispatch(busy(700, { fail: 'terminal' }))).body;
    const left = await after([first.id]);
    const right = await after([first.id]);
    const last = await after([left.id, right.id]);
    for (const { id } of [left, right, last]) {
      const view = await stackOf().ended(id);
      assert.deepEqual([view.status, view.error?.code, view.attempts], ['cancelled', 'dependency_failed', 0]);
    }
  });

  it('refuses what is no task, by name, and creates nothing', async () => {
    const { id } = await stackOf().run({});
    const traceId = `unknown ${id}`;
    for (const wrong of ['nobody', 'a/b', '..', '__id__', 'x'.repeat(200)]) {
      const { status, body } = await stackOf().dispatch<Refusal>({ traceId, dependencies: [id, wrong] });
      assert.deepEqual([status, body.code, body.errors?.[0]?.field], [422, 'dependency_not_found', 'dependencies.1'], wrong);
      assert.ok(body.detail.includes(wrong.slice(0, 100)));
    }
    assert.deepEqual((await stackOf().get(`/tasks?traceId=${traceId}`)).body, { tasks: [] });
  });

  it('lets fifty wait for one that is being run, and runs each of them once', async () => {
    const popular = await kept();
    await stackOf().reaches(popular.id, 'running');
    const all = await Promise.all(Array.from({ length: 50 }, () => after([popular.id])));
    assert.ok(all.every(({ status }) => status === 'waiting'));
    popular.open();
    for (const { id } of all) {
      const view = await stackOf().ended(id);
      assert.deepEqual([view.status, view.attempts], ['succeeded', 1]);
    }
    assert.equal((await stackOf().ended(popular.id)).status, 'succeeded');
  });

  it('waits for a hundred', async () => {
    const hundred = await Promise.all(Array.from({ length: 100 }, () => stackOf().dispatch({ mode: 'pubsub' })));
    const view = await stackOf().ended((await after(hundred.map(({ body }) => body.id))).id);
    assert.equal(view.status, 'succeeded');
    for (const { body } of hundred) {
      assert.ok(Date.parse(String((await stackOf().ended(body.id)).finishedAt)) <= at(view, 'running'));
    }
  });

  it('is cancelled while it waits, and what it waited for is not', async () => {
    const first = await kept();
    const waiting = await after([first.id]);
    await cancel(waiting.id);
    first.open();
    assert.equal((await stackOf().ended(first.id)).status, 'succeeded');
    const view = await stackOf().ended(waiting.id);
    assert.deepEqual([view.status, view.error?.code, view.attempts], ['cancelled', 'cancelled', 0]);
  });

  it('expires while it waits', async () => {
    const first = await held();
    const view = await stackOf().ended((await after([first.id], { ttlSeconds: 0.8 })).id);
    assert.deepEqual([view.status, view.error?.code, view.attempts], ['expired', 'ttl_expired', 0]);
    await cancel(first.id);
  });

  it('waits for its own time too, whichever comes first', async () => {
    const first = await kept();
    const notBefore = Date.now() / 1000 + 0.3;
    const late = Date.now() / 1000 + 2.5;
    const [one, two] = [await after([first.id], { notBefore }), await after([first.id], { notBefore: late })];
    await pause(500);
    first.open();
    const end = Date.parse(String((await stackOf().ended(first.id)).finishedAt));
    assert.ok(at(await stackOf().ended(one.id), 'running') >= end);
    assert.ok(at(await stackOf().ended(two.id), 'running') >= late * 1000);
  });

  it('stays as it ended when its dependency is redriven; who comes then waits again', async () => {
    const dead = (await stackOf().dispatch({ ...busy(500, { fail: 'retry' }), maxAttempts: 1 })).body;
    const before = await after([dead.id]);
    const cancelled = await stackOf().ended(before.id);
    assert.equal(cancelled.error?.code, 'dependency_failed');
    assert.equal((await stackOf().post(`/task/${dead.id}/redrive`, {})).status, 202);
    const again = await after([dead.id]);
    assert.equal((await stackOf().ended(again.id)).error?.code, 'dependency_failed');
    assert.deepEqual((await stackOf().get(`/task/${before.id}`)).body, cancelled);
  });

  it('holds its budget from the start, and gives it back if it never runs', async () => {
    await stackOf().put('/budgets/agent:light', { limitCents: 100_000 });
    await until(async () => {
      const first = await held();
      const { body } = await stackOf().get<{ heldCents: number }>('/budgets/agent:light');
      await cancel(first.id);
      return body.heldCents > 0;
    }, 15_000);
    const heldCents = async () => (await stackOf().get<{ heldCents: number }>('/budgets/agent:light')).body.heldCents;
    await until(async () => (await heldCents()) === 0);
    const failed = await stackOf().run({ agent: 'codex', payload: { fail: 'terminal' } });
    const first = await held();
    const waiting = await after([first.id], { budgetCents: 40 });
    assert.equal(await heldCents(), 65);
    assert.equal((await after([first.id, failed.id], { budgetCents: 30 })).status, 'cancelled');
    await until(async () => (await heldCents()) === 65);
    await cancel(first.id);
    assert.equal((await stackOf().ended(waiting.id)).status, 'cancelled');
    await until(async () => (await heldCents()) === 0);
    await stackOf().put('/budgets/agent:light', { limitCents: null });
  });

  it('gives a repeat the same task, though what it waited for is over', async () => {
    const first = await held();
    const packet = { dependencies: [first.id], idempotencyKey: `again ${first.id}` };
    const waiting = await after([first.id], packet);
    await cancel(first.id);
    const reply = await stackOf().dispatch({ mode: 'pubsub', ...packet });
    assert.deepEqual([reply.body.id, reply.headers.get('idempotent-replayed')], [waiting.id, 'true']);
    const other = await stackOf().dispatch({ mode: 'pubsub', ...packet, dependencies: ['nobody'] });
    assert.deepEqual([other.body.id, other.headers.get('idempotent-replayed')], [waiting.id, 'true']);
  });

  it('lets what is published straight to the topic wait as well', async () => {
    for (const agent of ['light', 'codex']) {
      const first = await kept();
      const traceId = `straight ${agent} ${first.id}`;
      await stackOf().publish('tasks', { agent, payload: {}, dependencies: [first.id] }, { agent, traceId });
      setTimeout(first.open, 700);
      const view = await traced(stackOf(), traceId);
      assert.deepEqual([view.status, view.dependencies, view.attempts], ['succeeded', [first.id], 1]);
      assert.ok(at(view, 'running') >= Date.parse(String((await stackOf().ended(first.id)).finishedAt)));
    }
  });
}

describe('dependencies, embedded', function () {
  this.timeout(30_000);
  let stack: TestStack;
  let agent: GatedAgent;
  before(async () => {
    agent = await gatedAgent();
    stack = await embeddedStack({ 'times.limitsCacheMs': 200, agents: [agent.row] });
  });
  after(async () => {
    await stack.stop();
    await agent.close();
  });
  waitsForOthers(
    () => stack,
    () => agent,
  );

  it('calls back of a task that ended as it was created', async () => {
    const receiver = await httpListener();
    const failed = await stack.run({ agent: 'codex', payload: { fail: 'terminal' } });
    const { status } = await stack.dispatch({ dependencies: [failed.id], callbackUrl: `${receiver.url}/ended` });
    assert.equal(status, 200);
    await until(() => receiver.received.length === 1);
    assert.match(String(receiver.received[0]?.body), /dependency_failed/);
    await receiver.close();
  });
});

describeWithEmulators("dependencies, on Google's emulators", function () {
  this.timeout(60_000);
  let stack: TestStack;
  let agent: GatedAgent;
  before(async function () {
    this.timeout(90_000);
    agent = await gatedAgent();
    stack = await emulatedStack({ 'times.limitsCacheMs': 200, agents: [agent.row] });
    // The first run of a process may outlast a lease.
    await Promise.all([stack.run({}), stack.run({ agent: 'codex' })]);
  });
  after(async () => {
    await stack?.stop();
    await agent?.close();
  });
  waitsForOthers(
    () => stack,
    () => agent,
  );
});
