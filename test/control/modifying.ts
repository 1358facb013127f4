import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { GatedAgent } from '../support/gated-agent.ts';
import type { TestStack, View } from '../support/stack.ts';
import { askAbout, askedFor } from './approving.ts';
import { untilHeld } from './pausing.ts';

/** What people do about tasks that modify a project, on every runtime. */
export function modifying(stackOf: () => TestStack, agentOf: () => GatedAgent, rootOf: () => string): void {
  let made = 0;
  async function aFolder(): Promise<{ readonly path: string; readonly id: string }> {
    made += 1;
    const path = join(rootOf(), `project-${made}`);
    mkdirSync(path);
    writeFileSync(join(path, 'main.py'), 'print(1)\n');
    const { status, body } = await stackOf().post<{ project_id: string }>('/submit-project', { project_path: path });
    // 202 where its first backup takes its time.
    assert.ok(status === 200 || status === 202, JSON.stringify(body));
    return { path, id: body.project_id };
  }
  const modification = (path: string, part: object = {}) => ({
    mode: 'pubsub',
    payload: { project_path: path, ...part },
    work: { task_type: 'modification' },
  });
  const events = ({ timeline }: View) => timeline.map(({ event }) => event);

  it('holds up what modifies a paused project, named by its path, and takes the backup when it goes on', async () => {
    const { path, id } = await aFolder();
    await stackOf().post('/pause', { project: id });
    const waiting = await untilHeld(stackOf(), modification(path));
    assert.deepEqual(waiting.waitingFor, ['resume', `project:${id}`, 'backup']);
    assert.equal(waiting.backupId, undefined);
    await stackOf().post('/resume', { project: id });
    const view = await stackOf().ended(waiting.id, 25_000);
    assert.equal(view.status, 'succeeded', JSON.stringify(view));
    assert.match(String(view.backupId), /^backup_/);
  });

  it('has a modification approved before anything is taken for it', async () => {
    const { path, id } = await aFolder();
    await askAbout(stackOf(), { taskTypes: ['modification'] });
    const { body } = await stackOf().dispatch(modification(path));
    assert.deepEqual(body.waitingFor, ['approval', `project:${id}`, 'backup']);
    const { hash } = await askedFor(stackOf(), body.id);
    await stackOf().post(`/approvals/${body.id}`, { decision: 'approve', hash });
    const view = await stackOf().ended(body.id, 25_000);
    assert.deepEqual([view.status, events(view).includes('approved')], ['succeeded', true]);
    assert.match(String(view.backupId), /^backup_/);
    await askAbout(stackOf(), {});
  });

  it('stops one in the middle, which then takes its project, and a backup, anew', async () => {
    const { path, id } = await aFolder();
    const { packet, open } = agentOf().gate();
    const stopped = { ...packet, ...modification(path, packet.payload as object) };
    const { body } = await stackOf().dispatch(stopped);
    const { backupId } = await stackOf().reaches(body.id, 'running', 25_000);
    await stackOf().post('/emergency-stop', '');
    const held = await stackOf().reaches(body.id, 'waiting', 20_000);
    assert.deepEqual(held.waitingFor, ['resume', `project:${id}`, 'backup']);
    open();
    await stackOf().delete('/emergency-stop');
    const view = await stackOf().ended(body.id, 25_000);
    assert.deepEqual([view.status, view.attempts], ['succeeded', 1], JSON.stringify(view));
    assert.notEqual(view.backupId, backupId);
    const { body: page } = await stackOf().get<{ backups: { backup_id: string; status: string }[] }>(`/system-state?project=${id}`);
    for (const one of [backupId, view.backupId])
      assert.ok(page.backups.some(({ backup_id, status }) => backup_id === one && status === 'verified'));
  });
}
