import assert from 'node:assert/strict';
import { setTimeout as pause } from 'node:timers/promises';
import { resourceOf } from '../../functions/core/waiting/gate-names.ts';
import { describeWithEmulators } from '../support/emulators.ts';
import { until } from '../support/folder.ts';
import { type GatedAgent, gatedAgent } from '../support/gated-agent.ts';
import type { TestStack, View } from '../support/stack.ts';
import { embeddedStack } from '../support/stack-embedded.ts';
import { emulatedStack } from '../support/stack-emulated.ts';
import { traced } from '../support/stack-push.ts';

const events = ({ timeline }: View): string[] => timeline.map(({ event }) => event);
const at = ({ timeline }: View, wanted: string): number => Date.parse(String(timeline.find(({ event }) => event === wanted)?.at));

/** How many of these ran at a time, at most. */
function most(views: readonly View[]): number {
  const ends = views.map((view) => ({ from: at(view, 'running'), to: Date.parse(String(view.finishedAt)) }));
  return Math.max(...ends.map(({ from }) => ends.filter((one) => one.from <= from && from < one.to).length));
}

/** What has to be the same on every runtime. */
function keepsToLimits(stackOf: () => TestStack, agentOf: () => GatedAgent): void {
  let number = 0;
  /** An agent of its own for each test, which takes so many tasks at a time. */
  async function limited(concurrency: number): Promise<string> {
    number += 1;
    const name = `limited-${number}`;
    await limit(name, concurrency);
    return name;
  }
  async function limit(name: string, concurrency: number): Promise<void> {
    const { endpoint } = agentOf().row;
    const agent = { name, endpoint, handler_type: 'http', concurrency };
    const { status, body } = await stackOf().post('/register-agent', agent);
    assert.equal(status, 200, JSON.stringify(body));
  }
  /** A task that runs until it is let go. */
  async function kept(agent: string, packet: Record<string, unknown> = {}) {
    const gate = agentOf().gate();
    const { status, body } = await stackOf().dispatch({ ...gate.packet, agent, ...packet });
    assert.ok([200, 202].includes(status), JSON.stringify(body));
    return { id: body.id, body, open: gate.open };
  }
  async function taken(agent: string): Promise<number> {
    const equal = { resource: resourceOf('default', `agent:${agent}`) };
    const orderBy = { field: 'number', direction: 'asc' } as const;
    return (await stackOf().documents.query('slots', { equal, orderBy, limit: 100 })).documents.length;
  }
  const cancel = (id: string) => stackOf().post(`/task/${id}/cancel`, {});

  it('has no more running than the limit, and runs the next as one ends', async () => {
    const agent = await limited(2);
    const all = [await kept(agent), await kept(agent), await kept(agent), await kept(agent)];
    await stackOf().reaches(all[0]?.id as string, 'running');
    await stackOf().reaches(all[1]?.id as string, 'running');
    const third = await stackOf().reaches(all[2]?.id as string, 'waiting');
    assert.deepEqual(third.waitingFor, [`agent:${agent}`]);
    await pause(300);
    assert.equal((await stackOf().get(`/task/${all[3]?.id}`)).body.status, 'waiting');
    for (const { open } of all) open();
    const views = await Promise.all(all.map(({ id }) => stackOf().ended(id)));
    assert.ok(views.every(({ status, attempts }) => status === 'succeeded' && attempts === 1));
    assert.ok(most(views) <= 2);
    await until(async () => (await taken(agent)) === 0);
  });

  it('lets fifty through two at a time', async () => {
    const agent = await limited(2);
    const all = await Promise.all(Array.from({ length: 50 }, () => kept(agent)));
    for (const { open } of all) open();
    const views = await Promise.all(all.map(({ id }) => stackOf().ended(id, 60_000)));
    assert.ok(views.every(({ status, attempts }) => status === 'succeeded' && attempts === 1));
    assert.ok(most(views) <= 2, String(most(views)));
    await until(async () => (await taken(agent)) === 0);
  });

  it('lets the highest priority go first, then the oldest', async () => {
    const agent = await limited(1);
    const first = await kept(agent);
    await stackOf().reaches(first.id, 'running');
    const waiting = [];
    for (const priority of [0, 5, 0, 9]) waiting.push(await kept(agent, { priority }));
    for (const { open } of [first, ...waiting]) open();
    const views = await Promise.all(waiting.map(({ id }) => stackOf().ended(id)));
    const starts = views.map((view) => at(view, 'running'));
    assert.deepEqual(
      [3, 1, 0, 2].map((index) => starts[index]),
      [...starts].sort((a, b) => a - b),
    );
  });

  it('answers at once in http mode while there is room, and 202 when there is none', async () => {
    const agent = await limited(1);
    const gate = agentOf().gate();
    gate.open();
    const quick = await stackOf().dispatch({ ...gate.packet, agent, mode: 'http' });
    assert.deepEqual([quick.status, quick.body.status], [200, 'succeeded']);
    assert.deepEqual(events(quick.body), ['waiting', 'queued', 'running', 'succeeded']);
    const first = await kept(agent);
    await stackOf().reaches(first.id, 'running');
    const other = agentOf().gate();
    other.open();
    const { status, body } = await stackOf().dispatch({ ...other.packet, agent, mode: 'http' });
    assert.deepEqual([status, body.status, body.waitingFor], [202, 'waiting', [`agent:${agent}`]]);
    first.open();
    assert.equal((await stackOf().ended(body.id)).status, 'succeeded');
  });

  it('gives a slot back when its task is cancelled, fails, expires or is dead', async () => {
    const agent = await limited(1);
    const first = await kept(agent, { ttlSeconds: 0.7 });
    const second = await kept(agent);
    assert.equal((await stackOf().ended(first.id)).status, 'expired');
    await stackOf().reaches(second.id, 'running');
    assert.equal((await cancel(second.id)).status, 202);
    const third = await kept(agent);
    assert.equal((await stackOf().ended(second.id)).status, 'cancelled');
    third.open();
    assert.equal((await stackOf().ended(third.id)).status, 'succeeded');
    await until(async () => (await taken(agent)) === 0);
  });

  it('keeps its slot while it is tried again', async () => {
    const agent = await limited(1);
    const flaky = (await stackOf().dispatch({ agent, mode: 'pubsub', payload: { fail: 503 }, maxAttempts: 3 })).body;
    const next = await kept(agent);
    next.open();
    const view = await stackOf().ended(flaky.id);
    assert.deepEqual([view.status, view.attempts], ['dead', 3]);
    const after = await stackOf().ended(next.id);
    assert.ok(at(after, 'running') >= Date.parse(String(view.finishedAt)));
  });

  it('leaves the line when it is cancelled or expires while it waits', async () => {
    const agent = await limited(1);
    const first = await kept(agent);
    const [second, third, last] = [await kept(agent, { priority: 3 }), await kept(agent, { ttlSeconds: 0.5 }), await kept(agent)];
    assert.equal((await cancel(second.id)).status, 200);
    const expired = await stackOf().ended(third.id);
    assert.deepEqual([expired.status, expired.error?.code, expired.attempts], ['expired', 'ttl_expired', 0]);
    first.open();
    last.open();
    assert.equal((await stackOf().ended(last.id)).status, 'succeeded');
    await until(async () => (await taken(agent)) === 0);
  });

  it('honours a limit that was lowered: what has a slot goes on, and nothing new begins above it', async () => {
    const agent = await limited(3);
    const three = [await kept(agent), await kept(agent), await kept(agent)];
    for (const { id } of three) await stackOf().reaches(id, 'running');
    await limit(agent, 1);
    // As long as an instance remembers the limit that was.
    await pause(stackOf().settings.times.agentsCacheMs + 200);
    const [one, two] = [await kept(agent), await kept(agent)];
    three[0]?.open();
    three[1]?.open();
    await Promise.all(three.slice(0, 2).map(({ id }) => stackOf().ended(id)));
    await pause(700);
    assert.deepEqual(await Promise.all([one, two].map(async ({ id }) => (await stackOf().get(`/task/${id}`)).body.status)), [
      'waiting',
      'waiting',
    ]);
    for (const { open } of [...three, one, two]) open();
    const views = await Promise.all([one, two].map(({ id }) => stackOf().ended(id)));
    assert.equal(most(views), 1);
  });

  it('has a dead task that is redriven wait for a slot again', async () => {
    const agent = await limited(1);
    const dead = (await stackOf().dispatch({ agent, mode: 'pubsub', payload: { fail: 503 }, maxAttempts: 1 })).body;
    assert.equal((await stackOf().ended(dead.id)).status, 'dead');
    const first = await kept(agent);
    await stackOf().reaches(first.id, 'running');
    const { status, body } = await stackOf().post(`/task/${dead.id}/redrive`, {});
    assert.deepEqual([status, body.status, body.waitingFor], [202, 'waiting', [`agent:${agent}`]]);
    first.open();
    assert.equal((await stackOf().ended(dead.id)).status, 'dead');
    await until(async () => (await taken(agent)) === 0);
  });

  it('holds for what is published straight to the topic', async () => {
    const agent = await limited(1);
    const first = await kept(agent);
    await stackOf().reaches(first.id, 'running');
    const gate = agentOf().gate();
    gate.open();
    const traceId = `straight ${agent}`;
    await stackOf().publish('tasks', { ...gate.packet, agent }, { agent, traceId });
    await pause(300);
    first.open();
    const view = await traced(stackOf(), traceId);
    assert.deepEqual([view.status, view.attempts], ['succeeded', 1]);
    assert.ok(at(view, 'running') >= Date.parse(String((await stackOf().ended(first.id)).finishedAt)));
  });

  it('keeps nobody waiting for one whose time has not come, however urgent it is', async () => {
    const agent = await limited(1);
    const notBefore = Date.now() / 1000 + 600;
    const early = await kept(agent, { notBefore, priority: 9 });
    assert.equal(early.body.status, 'waiting');
    const [first, second] = [await kept(agent), await kept(agent)];
    await stackOf().reaches(first.id, 'running');
    first.open();
    await stackOf().reaches(second.id, 'running');
    second.open();
    assert.equal((await stackOf().ended(second.id)).status, 'succeeded');
    assert.equal((await cancel(early.id)).status, 200);
  });

  it('waits for the tasks before it without a slot', async () => {
    const agent = await limited(1);
    const before = await kept('gated');
    const { id } = (await stackOf().dispatch({ agent, mode: 'pubsub', payload: {}, dependencies: [before.id] })).body;
    assert.equal(await taken(agent), 0);
    const other = await kept(agent);
    other.open();
    assert.equal((await stackOf().ended(other.id)).status, 'succeeded');
    before.open();
    assert.equal((await stackOf().ended(id)).status, 'succeeded');
  });
}

describe('concurrency limits, embedded', function () {
  this.timeout(90_000);
  let stack: TestStack;
  let agent: GatedAgent;
  before(async () => {
    agent = await gatedAgent();
    stack = await embeddedStack({ 'times.agentsCacheMs': 300, agents: [agent.row] });
  });
  after(async () => {
    await stack?.stop();
    await agent?.close();
  });
  keepsToLimits(
    () => stack,
    () => agent,
  );
});

describeWithEmulators("concurrency limits, on Google's emulators", function () {
  this.timeout(120_000);
  let stack: TestStack;
  let agent: GatedAgent;
  before(async function () {
    this.timeout(90_000);
    agent = await gatedAgent();
    stack = await emulatedStack({ 'times.agentsCacheMs': 300, agents: [agent.row] });
    // The first run of a process may outlast a lease.
    await stack.run({});
  });
  after(async () => {
    await stack?.stop();
    await agent?.close();
  });
  keepsToLimits(
    () => stack,
    () => agent,
  );
});
