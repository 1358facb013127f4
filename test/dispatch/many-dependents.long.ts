import assert from 'node:assert/strict';
import type { Query } from '../../functions/core/ports.ts';
import { tellDependents } from '../../functions/core/waiting/dependents.ts';
import { until } from '../support/folder.ts';
import { type GatedAgent, gatedAgent } from '../support/gated-agent.ts';
import type { TestStack, View } from '../support/stack.ts';
import { type EmbeddedTestStack, embeddedStack } from '../support/stack-embedded.ts';

const later = () => Date.now() / 1000 + 600;

/** What a client of one stack does here. */
function doing(stackOf: () => TestStack, agentOf: () => GatedAgent) {
  return {
    held: async (): Promise<string> => (await stackOf().dispatch({ notBefore: later() })).body.id,
    after: async (dependencies: readonly string[], packet: Record<string, unknown> = {}): Promise<string> => {
      const { status, body } = await stackOf().dispatch({ mode: 'pubsub', ttlSeconds: 600, dependencies, ...packet });
      assert.equal(status, 202, JSON.stringify(body));
      return body.id;
    },
    /** A task that runs until it is let go. */
    kept: async () => {
      const { packet, open } = agentOf().gate();
      const { id } = (await stackOf().dispatch(packet)).body;
      await stackOf().reaches(id, 'running');
      return { id, open };
    },
    cancel: async (id: string) => assert.equal((await stackOf().post(`/task/${id}/cancel`, {})).status, 200),
    edges: async (dependency: string) => {
      const query: Query = { equal: { dependency }, orderBy: { field: 'rank', direction: 'asc' }, limit: 2_000 };
      return (await stackOf().documents.query('dependents', query)).documents;
    },
  };
}

const released = ({ timeline }: View): number => Date.parse(String(timeline.find(({ event }) => event === 'queued')?.at));

describe('many dependents', function () {
  this.timeout(60_000);
  let stack: EmbeddedTestStack;
  let agent: GatedAgent;
  before(async () => {
    agent = await gatedAgent();
    stack = await embeddedStack({ agents: [agent.row], 'times.sweepMs': 30_000, 'times.republishMs': 20_000 });
  });
  after(async () => {
    await stack.stop();
    await agent.close();
  });
  const {
    held,
    after: afterOf,
    kept,
    cancel,
    edges,
  } = doing(
    () => stack,
    () => agent,
  );

  it('are released all, a thousand of one task, without the sweeper', async () => {
    const { id: first, open } = await kept();
    const ids: string[] = [];
    for (let made = 0; made < 1_000; made += 50) {
      ids.push(...(await Promise.all(Array.from({ length: 50 }, () => afterOf([first])))));
    }
    assert.equal((await edges(first)).length, 1_000);
    open();
    for (const id of ids) {
      const { status, attempts, timeline } = await stack.ended(id);
      assert.deepEqual([status, attempts], ['succeeded', 1]);
      assert.equal(timeline.find(({ event }) => event === 'queued')?.by, 'dependency');
    }
    assert.deepEqual(await edges(first), []);
    assert.equal((await stack.stored(first)).task.pending, undefined);
  });

  it('are released with the highest priority first, and the oldest among equals', async () => {
    const { id: first, open } = await kept();
    const urgency = [0, 5, -7, 1_000, -1_000];
    const made: { id: string; priority: number; place: number }[] = [];
    for (let place = 0; place < 60; place++) {
      const priority = urgency[place % urgency.length] as number;
      made.push({ id: await afterOf([first], { priority }), priority, place });
    }
    const ranked = made.toSorted((a, b) => b.priority - a.priority || a.place - b.place).map(({ id }) => id);
    assert.deepEqual(
      (await edges(first)).map(({ data }) => data.dependent),
      ranked,
    );
    open();
    const times = await Promise.all(ranked.map(async (id) => released(await stack.ended(id))));
    const [urgent, patient] = [times.slice(0, 20), times.slice(40)];
    assert.ok(Math.max(...urgent) <= Math.min(...patient), `${times}`);
  });

  it('end with the first of a chain of a thousand', async () => {
    const first = await held();
    const chain = [first];
    for (let link = 1; link < 1_000; link++) chain.push(await afterOf([chain.at(-1) as string]));
    await cancel(first);
    for (const id of chain.slice(1)) {
      const { status, error, attempts } = await stack.ended(id);
      assert.deepEqual([status, error?.code, attempts], ['cancelled', 'dependency_failed', 0]);
    }
  });

  it('run one after the other down a chain', async () => {
    const { id: first, open } = await kept();
    const chain = [first];
    for (let link = 1; link < 100; link++) chain.push(await afterOf([chain.at(-1) as string]));
    open();
    const views = await Promise.all(chain.map((id) => stack.ended(id)));
    for (const [link, view] of views.entries()) {
      assert.equal(view.status, 'succeeded');
      if (link > 0) assert.ok(released(view) >= Date.parse(String(views[link - 1]?.finishedAt)));
    }
  });

  it('run once at the end of diamonds, after all of them', async () => {
    const { id: first, open } = await kept();
    let layer = [first];
    const all = [...layer];
    for (let depth = 0; depth < 6; depth++) {
      layer = await Promise.all(Array.from({ length: 5 }, () => afterOf(layer)));
      all.push(...layer);
    }
    open();
    const views = new Map(await Promise.all(all.map(async (id) => [id, await stack.ended(id)] as const)));
    for (const view of views.values()) {
      assert.deepEqual(
        [view.status, view.attempts, view.timeline.filter(({ event }) => event === 'queued').length],
        ['succeeded', 1, 1],
      );
      for (const id of (view.dependencies ?? []) as string[]) {
        assert.ok(released(view) >= Date.parse(String(views.get(id)?.finishedAt)));
      }
    }
  });

  it('cost one that has none not a single operation', async () => {
    await stack.run({});
    const before = { ...stack.counts };
    await stack.run({ mode: 'pubsub', priority: 3, dependencies: [] });
    const { writes, publishes } = stack.counts;
    assert.deepEqual([writes - before.writes, publishes - before.publishes], [3, 2]);
  });
});

describe('a release that does not get through', function () {
  this.timeout(30_000);
  let stack: EmbeddedTestStack;
  let agent: GatedAgent;
  before(async () => {
    agent = await gatedAgent();
    stack = await embeddedStack({ agents: [agent.row], 'times.waitingMaximumMs': 1_000, 'times.followUpMs': 1 });
  });
  after(async () => {
    await stack.stop();
    await agent.close();
  });
  afterEach(() => {
    stack.fate = () => 'out';
  });
  const {
    held,
    after: afterOf,
    kept,
    cancel,
    edges,
  } = doing(
    () => stack,
    () => agent,
  );

  it('is found by the sweeper: nobody was told of a success', async () => {
    const { id: first, open } = await kept();
    const waiting = await afterOf([first]);
    for (const { id } of await edges(first)) await stack.documents.commit([{ kind: 'delete', collection: 'dependents', id }]);
    open();
    const { status, timeline } = await stack.ended(waiting);
    assert.deepEqual([status, timeline.find(({ event }) => event === 'queued')?.by], ['succeeded', 'sweeper']);
  });

  it('is found by the sweeper: nobody was told of a failure', async () => {
    const first = await held();
    const waiting = await afterOf([first]);
    const last = await afterOf([waiting]);
    for (const { id } of await edges(first)) await stack.documents.commit([{ kind: 'delete', collection: 'dependents', id }]);
    await cancel(first);
    for (const id of [waiting, last]) assert.equal((await stack.ended(id)).error?.code, 'dependency_failed');
  });

  it('is found by the sweeper: the record of what it waited for is gone', async () => {
    const first = await held();
    const waiting = await afterOf([first]);
    await stack.documents.commit([{ kind: 'delete', collection: 'tasks', id: first }]);
    const { status, error } = await stack.ended(waiting);
    assert.deepEqual([status, error?.code], ['cancelled', 'dependency_failed']);
    assert.match(String(error?.message), /no longer there/);
  });

  it('does not forget that a dependency had succeeded, though its record is gone', async () => {
    const first = (await stack.run({})).id;
    const [second, third] = [await kept(), await kept()];
    const waiting = await afterOf([first, second.id, third.id]);
    second.open();
    await stack.reaches(waiting, ({ waitingFor }) => (waitingFor as string[]).length === 1);
    for (const id of [first, second.id]) await stack.documents.commit([{ kind: 'delete', collection: 'tasks', id }]);
    third.open();
    assert.equal((await stack.ended(waiting)).status, 'succeeded');
  });

  it('is none for those who wait for a redriven task: they are not told of its former end', async () => {
    const dead = await stack.run({ agent: 'codex', payload: { fail: 'retry', pauseMs: 1_000 }, maxAttempts: 1 });
    const slow = await stack.stored(dead.id);
    assert.equal((await stack.post(`/task/${dead.id}/redrive`, {})).status, 202);
    const waiting = await afterOf([dead.id]);
    const told = await tellDependents(stack.runtime('results'), slow, Date.now() + 1_000);
    assert.deepEqual(told.cancelled, []);
    assert.equal((await stack.get(`/task/${waiting}`)).body.status, 'waiting');
    assert.equal((await edges(dead.id)).length, 1);
    assert.equal((await stack.ended(waiting)).error?.code, 'dependency_failed');
  });

  it('goes on in slices, in one sweep after the other, until all have been told', async () => {
    const first = await held();
    const ids = await Promise.all(Array.from({ length: 450 }, () => afterOf([first], { ttlSeconds: 60 })));
    await cancel(first);
    assert.ok((await edges(first)).length >= 300, 'one slice told more than a page');
    await until(async () => (await stack.stored(first)).task.pending === undefined, 10_000);
    assert.deepEqual(await edges(first), []);
    for (const id of ids) assert.equal((await stack.ended(id)).error?.code, 'dependency_failed');
  });

  it('is published by the sweeper when it could not be published', async () => {
    const { id: first, open } = await kept();
    const waiting = await afterOf([first]);
    let times = 0;
    stack.fate = (topic) => (topic === 'tasks' && ++times === 1 ? 'failed' : 'out');
    open();
    const { status, attempts } = await stack.ended(waiting);
    assert.deepEqual([status, attempts, times > 1], ['succeeded', 1, true]);
  });
});
