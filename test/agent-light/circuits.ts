import assert from 'node:assert/strict';
import { setTimeout as pause } from 'node:timers/promises';
import { until } from '../support/folder.ts';
import { httpListener, type Listener } from '../support/http-listener.ts';
import type { TestStack, View } from '../support/stack.ts';

/** Of the stacks under test. While a circuit is open, three more tasks have to come and wait. */
export const circuitTimes = (openMs: number) => ({
  'times.circuitOpenMs': openMs,
  'times.circuitMaximumMs': 4 * openMs,
  'times.retryMaximumMs': 100,
});

interface AgentView {
  readonly circuit?: { readonly state: string; readonly failures: number; readonly since?: string; readonly retryAt?: string };
}
const WELL = { status: 200, body: { status: 'succeeded', result: 'well' } };
const events = ({ timeline }: View): string[] => timeline.map(({ event }) => event);

/** What has to be the same on every runtime, and, where `isLocal`, what need not be tried on each. */
export function circuitsOfAgents(
  stackOf: () => TestStack,
  { openMs, isLocal }: { readonly openMs: number; readonly isLocal: boolean },
): void {
  let agent: Listener;
  let made = 0;
  let name: string;
  beforeEach(async () => {
    agent = await httpListener(() => ({ status: 500 }));
    name = `flaky-${++made}`;
    const registered = await stackOf().post('/register-agent', { name, endpoint: `${agent.url}/run`, priceCents: 1 });
    assert.equal(registered.status, 200);
  });
  afterEach(async () => {
    await stackOf().delete(`/agents/${name}`);
    await agent.close();
  });

  const circuit = async () => (await stackOf().get<AgentView>(`/agents/${name}`)).body.circuit;
  const dispatch = async (mode = 'pubsub'): Promise<string> => {
    const { status, body } = await stackOf().dispatch({ agent: name, mode, maxAttempts: 20, ttlSeconds: 120 });
    assert.equal(status, 202, JSON.stringify(body));
    return body.id;
  };
  const isHeld = ({ waitingFor }: View) => JSON.stringify(waitingFor) === JSON.stringify([`circuit:${name}`]);

  it('opens after five failures, has tasks wait without an attempt, and closes when the agent is well', async () => {
    assert.deepEqual(await circuit(), { state: 'closed', failures: 0 });
    const first = await dispatch();
    await until(async () => (await circuit())?.state === 'open', 20_000);
    const { failures, since, retryAt } = (await circuit()) ?? {};
    assert.equal(failures, 5);
    assert.equal(Date.parse(String(retryAt)) - Date.parse(String(since)), openMs);
    const others = [await dispatch(), await dispatch('http')];
    await stackOf().publish('tasks', { payload: { straight: 1 }, traceId: name }, { agent: name });
    const published = async () => (await stackOf().get<{ tasks: View[] }>(`/tasks?traceId=${name}`)).body.tasks[0]?.id;
    await until(async () => (await published()) !== undefined, openMs);
    others.push((await published()) as string);
    for (const id of [first, ...others]) await stackOf().reaches(id, isHeld);
    assert.equal(agent.received.length, 5, 'it was called while its circuit was open');
    agent.answer = () => WELL;
    const views = await Promise.all([first, ...others].map((id) => stackOf().ended(id, openMs + 30_000)));
    assert.deepEqual(
      views.map(({ status, attempts, waitingFor }) => [status, attempts, waitingFor]),
      [
        ['succeeded', 6, undefined],
        ['succeeded', 1, undefined],
        ['succeeded', 1, undefined],
        ['succeeded', 1, undefined],
      ],
    );
    assert.deepEqual(events(views[1] as View), ['queued', 'held', 'running', 'succeeded']);
    const [, waits] = (views[1] as View).timeline as readonly { for?: unknown }[];
    assert.deepEqual(waits?.for, [`circuit:${name}`]);
    assert.equal(agent.received.length, 9);
    const closed = await circuit();
    assert.deepEqual([closed?.state, closed?.failures, closed?.retryAt], ['closed', 0, undefined]);
    const listed = (await stackOf().get<{ agents: (AgentView & { name: string })[] }>('/agents?limit=200')).body.agents;
    assert.equal(listed.find((one) => one.name === name)?.circuit?.state, 'closed');
    assert.equal(listed.find((one) => one.name === 'light')?.circuit, undefined);
  });

  // It takes long, and the emulators have no part in it.
  if (!isLocal) return;

  it('lets one attempt through when its time is over, and is open for longer when that fails', async () => {
    const first = await dispatch();
    await until(async () => (await circuit())?.state === 'open', 20_000);
    const opened = Date.parse(String((await circuit())?.since));
    const ids = [first, ...(await Promise.all(Array.from({ length: 5 }, () => dispatch())))];
    for (const id of ids) await stackOf().reaches(id, isHeld);
    await until(() => agent.received.length > 5, openMs + 20_000);
    await until(async () => (await circuit())?.state === 'open', 5_000);
    const again = await circuit();
    assert.ok(Date.parse(String(again?.since)) - opened >= openMs);
    assert.deepEqual([Date.parse(String(again?.retryAt)) - Date.parse(String(again?.since)), again?.failures], [2 * openMs, 6]);
    await pause(1_500);
    assert.equal(agent.received.length, 6, 'more than one attempt was made');
    agent.answer = () => WELL;
    const views = await Promise.all(ids.map((id) => stackOf().ended(id, 60_000)));
    assert.deepEqual(
      views.map(({ status }) => status),
      ids.map(() => 'succeeded'),
    );
    assert.equal(
      views.reduce((sum, { attempts }) => sum + attempts, 0),
      agent.received.length,
    );
    assert.deepEqual(await stackOf().quarantined(), []);
  });
}
