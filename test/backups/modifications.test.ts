import assert from 'node:assert/strict';
import { rmSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { audited, type BackupShown, client, makeProject, projectRoot, seen, spoil } from '../projects/kit.ts';
import { describeWithEmulators } from '../support/emulators.ts';
import { until } from '../support/folder.ts';
import { httpListener, type Listener } from '../support/http-listener.ts';
import type { Refusal, TestStack, View } from '../support/stack.ts';
import { embeddedStack } from '../support/stack-embedded.ts';
import { emulatedStack } from '../support/stack-emulated.ts';

/** An agent that spoils the project it is given, and looks which backups there are when it is called. */
interface Careless {
  readonly listener: Listener;
  readonly calls: { readonly taskId: string; readonly backups: readonly BackupShown[] }[];
  /** Is waited for before it answers. */
  hold: Promise<unknown>;
}

async function carelessAgent(stackOf: () => TestStack): Promise<Careless> {
  const agent: { -readonly [field in keyof Careless]: Careless[field] } = {
    calls: [],
    hold: Promise.resolve(),
    listener: await httpListener(async ({ body }) => {
      const { taskId, payload } = JSON.parse(body);
      const { projectId } = (await stackOf().get(`/task/${taskId}`)).body;
      const backups = await client(stackOf).backups(String(projectId));
      agent.calls.push({ taskId, backups });
      spoil(payload.project_path);
      await agent.hold;
      return { status: 200, body: {} };
    }),
  };
  return agent;
}

/** What has to be the same on every runtime. */
function hasAWayBack(stackOf: () => TestStack, agentOf: () => Careless, root: string): void {
  const { backups, rollBack, submit } = client(stackOf);
  const modification = (project_path: string, more: Record<string, unknown> = {}) => ({
    ...{ agent: 'careless', mode: 'pubsub', payload: { project_path }, work: { task_type: 'modification' } },
    ...more,
  });
  /** The first of its kind has its functions started. */
  const run = async (packet: Record<string, unknown>) => stackOf().ended((await stackOf().dispatch(packet)).body.id, 60_000);
  const callsOf = (id: string) => agentOf().calls.filter(({ taskId }) => taskId === id);

  it('has a verified backup before its agent hears of it, and the rollback brings all back', async () => {
    const project = makeProject(join(root, 'modified'));
    const before = seen(project);
    const view = await run(modification(project));
    assert.equal(view.status, 'succeeded', JSON.stringify(view));
    const [call] = callsOf(view.id);
    const ofTask = call?.backups.filter(({ task_id }) => task_id === view.id) ?? [];
    assert.deepEqual(
      ofTask.map(({ backup_id, status }) => [backup_id, status]),
      [[view.backupId, 'verified']],
    );
    assert.notDeepEqual(seen(project), before);
    const { status, body } = await rollBack(String(view.backupId));
    assert.equal(status, 200, JSON.stringify(body));
    assert.deepEqual(seen(project), before);
    const events = (await audited(stackOf(), String(view.projectId))).map(({ event, actor }) => [event, actor]);
    const task = `task ${view.id}`;
    assert.deepEqual(events.slice(0, 2), [
      ['project_submitted', task],
      ['backup_created', task],
    ]);
  });

  it('takes the backup that the task names, if it is one of its project, and no other', async () => {
    const project = makeProject(join(root, 'named'));
    const { backup_id, project_id } = (await submit(project)).body;
    const work = { task_type: 'modification', backup_id };
    const view = await run(modification(project, { work }));
    assert.deepEqual([view.status, view.backupId], ['succeeded', backup_id]);
    assert.equal((await backups(project_id)).length, 1);
    const other = makeProject(join(root, 'other'));
    const refused = await run(modification(other, { work }));
    assert.deepEqual([refused.status, refused.error?.code], ['failed', 'backup_not_found']);
    assert.deepEqual(callsOf(refused.id), []);
  });

  it('takes no backup that the task names and that does not hold any more, and its agent never hears of it', async () => {
    const project = makeProject(join(root, 'not holding'));
    const old = (await submit(project)).body;
    const newer = (await submit(project)).body;
    assert.equal((await stackOf().put(`/projects/${old.project_id}/retention`, { last: 1 })).status, 200);
    await until(async () => (await backups(old.project_id, '?status=expired')).length === 1, 30_000);
    const named = async (backup_id: string) => {
      const view = await run(modification(project, { work: { task_type: 'modification', backup_id } }));
      assert.deepEqual(callsOf(view.id), []);
      return [view.status, view.error?.code];
    };
    assert.deepEqual(await named(old.backup_id), ['failed', 'backup_not_found']);
    const { objects } = stackOf();
    const blobs = (await objects.list('backups', 'blobs/')).objects.map(({ name }) => name);
    const kept = await Promise.all(blobs.map(async (name) => [name, (await objects.get('backups', name)) as Buffer] as const));
    try {
      for (const [name, bytes] of kept)
        await objects.put('backups', name, bytes.map((byte, at) => (at === bytes.length >> 1 ? byte ^ 1 : byte)) as Buffer);
      assert.deepEqual(await named(newer.backup_id), ['failed', 'backup_corrupt']);
    } finally {
      for (const [name, bytes] of kept) await objects.put('backups', name, bytes);
    }
  });

  it('fails where its path has come to lead to another project, which stays as it is', async () => {
    const [meant, other] = [makeProject(join(root, 'meant')), makeProject(join(root, 'not meant'))];
    const path = join(root, 'leads on');
    symlinkSync(meant, path);
    const before = seen(other);
    const first = (await stackOf().dispatch({ mode: 'pubsub', notBefore: Date.now() / 1000 + 2 })).body;
    const { body } = await stackOf().dispatch(modification(path, { dependencies: [first.id] }));
    rmSync(path);
    symlinkSync(other, path);
    const view = await stackOf().ended(body.id, 60_000);
    assert.deepEqual([view.status, view.error?.code], ['failed', 'project_moved'], JSON.stringify(view));
    assert.deepEqual([callsOf(view.id), seen(other)], [[], before]);
  });

  it('fails when its backup does, and its agent never hears of it', async () => {
    const project = makeProject(join(root, 'vanishing'));
    // It waits for another task, and meanwhile its project goes away.
    const first = (await stackOf().dispatch({ mode: 'pubsub', notBefore: Date.now() / 1000 + 2 })).body;
    const { body } = await stackOf().dispatch(modification(project, { dependencies: [first.id] }));
    rmSync(project, { recursive: true });
    const view = await stackOf().ended(body.id, 60_000);
    assert.deepEqual([view.status, view.error?.code], ['failed', 'project_not_found'], JSON.stringify(view));
    assert.deepEqual(callsOf(view.id), []);
  });

  it('needs a project_path', async () => {
    const { status, body } = await stackOf().dispatch<Refusal>(modification('', { payload: {} }));
    assert.equal(status, 422);
    assert.match(JSON.stringify(body), /project_path/);
  });

  it('has its project to itself: the second waits, a rollback is refused', async () => {
    const project = makeProject(join(root, 'shared'));
    const { backup_id } = (await submit(project)).body;
    const held = Promise.withResolvers<void>();
    agentOf().hold = held.promise;
    try {
      const first = (await stackOf().dispatch(modification(project))).body;
      await until(() => callsOf(first.id).length === 1, 20_000);
      const second = (await stackOf().dispatch(modification(project))).body;
      const gate = `project:${first.projectId}`;
      await stackOf().reaches(second.id, ({ waitingFor }: View) => (waitingFor as string[] | undefined)?.[0] === gate, 30_000);
      const refused = await stackOf().post<Refusal>(`/rollback/${backup_id}`, {});
      assert.deepEqual([refused.status, refused.body.code], [409, 'project_busy']);
      assert.deepEqual(callsOf(second.id), []);
      // The way back of what is at work outlives every rule.
      assert.equal((await stackOf().put(`/projects/${first.projectId}/retention`, { last: 1 })).status, 200);
      const newer = await submit(project);
      assert.equal(newer.status, 200, JSON.stringify(newer.body));
      await until(async () => (await backups(String(first.projectId), '?status=expired')).length === 1, 30_000);
      const kept = (await backups(String(first.projectId), '?status=verified')).map(({ task_id }) => task_id);
      assert.deepEqual(kept, [undefined, first.id]);
      held.resolve();
      const [one, two] = [await stackOf().ended(first.id, 30_000), await stackOf().ended(second.id, 60_000)];
      assert.deepEqual([one.status, two.status], ['succeeded', 'succeeded']);
      assert.notEqual(one.backupId, two.backupId);
      assert.equal((await rollBack(String(two.backupId))).status, 200);
    } finally {
      held.resolve();
    }
  });
}

function suite(start: (flags: Readonly<Record<string, unknown>>) => Promise<TestStack>) {
  return function (this: Mocha.Suite): void {
    this.timeout(120_000);
    const root = projectRoot();
    let stack: TestStack;
    let agent: Careless;
    before(async () => {
      agent = await carelessAgent(() => stack);
      const agents = [{ name: 'careless', endpoint: `${agent.listener.url}/run`, priceCents: 1 }];
      stack = await start({ projectRoots: [root.path], agents, 'times.backupWaitMs': 30_000 });
    });
    after(async () => {
      await stack?.stop();
      await agent.listener.close();
      root.remove();
    });
    hasAWayBack(
      () => stack,
      () => agent,
      root.path,
    );
  };
}

describe('a modification (embedded)', suite(embeddedStack));
describeWithEmulators('a modification', suite(emulatedStack));
