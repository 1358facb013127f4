import assert from 'node:assert/strict';
import { join } from 'node:path';
import { resourceOf } from '../../functions/core/waiting/gate-names.ts';
import { client, makeProject, projectRoot } from '../projects/kit.ts';
import { describeWithEmulators } from '../support/emulators.ts';
import { until } from '../support/folder.ts';
import { type GatedAgent, gatedAgent } from '../support/gated-agent.ts';
import type { Refusal, TestStack, View } from '../support/stack.ts';
import { embeddedStack } from '../support/stack-embedded.ts';
import { emulatedStack } from '../support/stack-emulated.ts';

const events = ({ timeline }: View): string[] => timeline.map(({ event }) => event);
const at = ({ timeline }: View, wanted: string): number =>
  Date.parse(String(timeline.findLast(({ event }) => event === wanted)?.at));
const endOf = ({ finishedAt }: View): number => Date.parse(String(finishedAt));

/** What has to be the same on every runtime. */
function locksProjects(stackOf: () => TestStack, agentOf: () => GatedAgent, rootOf: () => string): void {
  const { backups } = client(stackOf);
  let number = 0;
  const project = (): string => {
    number += 1;
    return makeProject(join(rootOf(), `project-${number}`));
  };
  /** A modification that goes on until it is let go. */
  async function modifying(path: string, packet: Record<string, unknown> = {}) {
    const gate = agentOf().gate();
    const { payload } = gate.packet as { payload: Record<string, unknown> };
    const { payload: more = {}, ...rest } = packet as { payload?: object };
    const { status, body } = await stackOf().dispatch({
      ...{ ...gate.packet, modifies: true, payload: { ...payload, project_path: path, ...more } },
      ...rest,
    });
    assert.ok([200, 202].includes(status), JSON.stringify(body));
    return { id: body.id, body, open: gate.open };
  }
  async function locks(projectId: unknown): Promise<readonly unknown[]> {
    const equal = { resource: resourceOf('default', `project:${projectId}`) };
    const orderBy = { field: 'number', direction: 'asc' } as const;
    return (await stackOf().documents.query('slots', { equal, orderBy, limit: 10 })).documents.map(({ data }) => data.holder);
  }

  it('has a project to itself, with a verified backup before its agent hears of it, and is released by its end', async () => {
    const path = project();
    const first = await modifying(path);
    const running = await stackOf().reaches(first.id, 'running');
    const [backup] = await backups(String(running.projectId));
    assert.deepEqual([backup?.backup_id, backup?.status, backup?.task_id], [running.backupId, 'verified', first.id]);
    assert.deepEqual(await locks(running.projectId), [first.id]);
    const second = await modifying(path);
    const waiting = await stackOf().reaches(second.id, ({ waitingFor }) => (waitingFor as string[]).length === 2);
    assert.deepEqual(waiting.waitingFor, [`project:${running.projectId}`, 'backup']);
    first.open();
    second.open();
    const [one, two] = [await stackOf().ended(first.id), await stackOf().ended(second.id)];
    assert.deepEqual([one.status, two.status], ['succeeded', 'succeeded']);
    assert.ok(at(two, 'running') >= endOf(one));
    assert.notEqual(one.backupId, two.backupId);
    assert.deepEqual(events(one), ['waiting', 'admitted', 'backed_up', 'queued', 'running', 'succeeded']);
    await until(async () => (await locks(running.projectId)).length === 0);
  });

  it('lets five through one after the other, and other projects at the same time', async () => {
    const [path, other] = [project(), project()];
    const kept = await modifying(other);
    const five = await Promise.all(Array.from({ length: 5 }, () => modifying(path)));
    for (const { open } of five) open();
    const views = await Promise.all(five.map(({ id }) => stackOf().ended(id, 60_000)));
    assert.ok(views.every(({ status }) => status === 'succeeded'));
    const ordered = views.toSorted((a, b) => at(a, 'running') - at(b, 'running'));
    for (const [index, view] of ordered.slice(1).entries()) assert.ok(at(view, 'running') >= endOf(ordered[index] as View));
    kept.open();
    assert.equal((await stackOf().ended(kept.id)).status, 'succeeded');
  });

  it('is released also by what fails, is cancelled or expires, wherever it had got to', async () => {
    const path = project();
    const failing = await modifying(path, { payload: { fail: 503 }, maxAttempts: 1 });
    failing.open();
    const expiring = await modifying(path, { ttlSeconds: 3 });
    const waiting = await modifying(path);
    const last = await modifying(path);
    assert.equal((await stackOf().ended(failing.id)).status, 'dead');
    assert.equal((await stackOf().post(`/task/${waiting.id}/cancel`, {})).status, 200);
    assert.equal((await stackOf().ended(expiring.id)).status, 'expired');
    last.open();
    const view = await stackOf().ended(last.id);
    assert.equal(view.status, 'succeeded');
    await until(async () => (await locks(view.projectId)).length === 0);
  });

  it('keeps two that need the project and the agent from waiting for each other', async () => {
    const path = project();
    const { endpoint } = agentOf().row;
    await stackOf().post('/register-agent', { name: 'one-at-a-time', endpoint, handler_type: 'http', concurrency: 1 });
    const agent = 'one-at-a-time';
    const all = [
      await modifying(path, { agent }),
      await modifying(project(), { agent }),
      await modifying(path, { agent }),
      await modifying(path),
    ];
    for (const { open } of all) open();
    const views = await Promise.all(all.map(({ id }) => stackOf().ended(id, 40_000)));
    assert.deepEqual(
      views.map(({ status }) => status),
      ['succeeded', 'succeeded', 'succeeded', 'succeeded'],
    );
  });

  it('gives its project up while it is paused, and takes another backup afterwards', async () => {
    const path = project();
    const flaky = await modifying(path, { payload: { fail: 503 } });
    flaky.open();
    const tried = await stackOf().reaches(flaky.id, ({ attempts, status }) => attempts === 1 && status === 'queued');
    await stackOf().post('/pause', { agent: 'gated' });
    const held = await stackOf().reaches(flaky.id, ({ waitingFor = [] }) => (waitingFor as string[])[0] === 'resume');
    assert.deepEqual([held.waitingFor, held.attempts], [['resume', `project:${tried.projectId}`, 'backup'], 1]);
    await until(async () => (await locks(tried.projectId)).length === 0);
    const other = await stackOf().run({ modifies: true, payload: { project_path: path } });
    assert.equal(other.status, 'succeeded');
    await stackOf().post('/resume', { agent: 'gated' });
    const again = await stackOf().reaches(flaky.id, ({ attempts }) => attempts === 2);
    assert.deepEqual(await locks(tried.projectId), [flaky.id]);
    assert.ok(again.backupId !== undefined && again.backupId !== tried.backupId && again.backupId !== other.backupId);
    await stackOf().post(`/task/${flaky.id}/cancel`, {});
    assert.equal((await stackOf().ended(flaky.id)).status, 'cancelled');
  });

  it('is refused by name when it does not say which project', async () => {
    const { status, body } = await stackOf().dispatch<Refusal>({ modifies: true });
    assert.deepEqual([status, body.errors?.[0]?.field], [422, 'payload.project_path']);
    const outside = await stackOf().dispatch<Refusal>({ modifies: true, payload: { project_path: '/etc' } });
    assert.ok(outside.status >= 400 && outside.status < 500);
  });

  it('answers 202 in http mode: a backup takes its time', async () => {
    const { id, body, open } = await modifying(project(), { mode: 'http' });
    assert.equal(body.status, 'waiting');
    open();
    assert.equal((await stackOf().ended(id)).status, 'succeeded');
  });
}

const QUICK = { 'times.switchesMs': 300, 'times.retryMinimumMs': 1_200, 'times.retryMaximumMs': 1_200, 'times.agentsCacheMs': 300 };

describe('project locks, embedded', function () {
  this.timeout(60_000);
  const root = projectRoot();
  let stack: TestStack;
  let agent: GatedAgent;
  before(async () => {
    agent = await gatedAgent();
    stack = await embeddedStack({ ...QUICK, projectRoots: [root.path], agents: [agent.row] });
  });
  after(async () => {
    await stack?.stop();
    await agent?.close();
    root.remove();
  });
  locksProjects(
    () => stack,
    () => agent,
    () => root.path,
  );
});

describeWithEmulators("project locks, on Google's emulators", function () {
  this.timeout(90_000);
  const root = projectRoot();
  let stack: TestStack;
  let agent: GatedAgent;
  before(async function () {
    this.timeout(90_000);
    agent = await gatedAgent();
    stack = await emulatedStack({ ...QUICK, projectRoots: [root.path], agents: [agent.row] });
    // The first run of a process may outlast a lease.
    await stack.run({});
  });
  after(async () => {
    await stack?.stop();
    await agent?.close();
    root.remove();
  });
  locksProjects(
    () => stack,
    () => agent,
    () => root.path,
  );
});
