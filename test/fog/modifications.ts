/** Row F4: a verified backup comes before a modification, and one modification at a time. */

import assert from 'node:assert/strict';
import { rmSync } from 'node:fs';
import type { Refusal } from '../support/stack.ts';
import { at, BACKUP_ID, type Fog } from './kit.ts';
import { backupsOf, modifying, submitProject, text, verified } from './project-words.ts';

export function backsUpBeforeModifications(fog: () => Fog): void {
  it('takes a backup first, verified before the agent hears of the task', async () => {
    const path = fog().project();
    const { payload, open } = fog().agent.gate();
    const name = await modifying(
      fog(),
      path,
      { 'main.py': 'after' },
      { payload: { ...payload, project_path: path, write: { 'main.py': 'after' } } },
    );
    await fog().stack.reaches(name, 'running');
    const { backup_id } = await fog().status(name);
    assert.match(String(backup_id), BACKUP_ID);
    const taken = (await backupsOf(fog(), path)).find((backup) => backup.backup_id === backup_id);
    assert.equal(taken?.status, 'verified');
    open();
    const view = await fog().ended(name);
    assert.equal(view.status, 'succeeded');
    assert.ok(at(view, 'backed_up') <= at(view, 'running'));
    assert.equal(text(path, 'main.py'), 'after');
  });

  it('needs payload.project_path, and says so', async () => {
    const task = { system_name: 'worker', module_name: 'core', task_type: 'modification', payload: { mark: 'no path' } };
    const { status, body } = await fog().stack.post<Refusal>('/submit-task', task);
    assert.ok(status >= 400 && status < 500, `${status}`);
    assert.match(body.detail, /project_path/);
    assert.ok(!fog().agent.payloads.some(({ mark }) => mark === 'no path'));
  });

  it('takes none where the task names one', async () => {
    const path = fog().project();
    const backup_id = await submitProject(fog(), path);
    await verified(fog(), path, backup_id);
    const view = await fog().ended(await modifying(fog(), path, { 'main.py': 'after' }, { backup_id }));
    assert.equal(view.status, 'succeeded');
    assert.deepEqual(
      (await backupsOf(fog(), path)).map((backup) => backup.backup_id),
      [backup_id],
    );
  });

  it('fails where the task names a backup that there is not, and does not call the agent', async () => {
    const path = fog().project();
    await submitProject(fog(), path);
    const backup_id = 'backup_20200101_000000_00000000';
    const task = { system_name: 'worker', module_name: 'core', task_type: 'modification', backup_id };
    const payload = { project_path: path, write: { 'main.py': 'after' }, mark: path };
    const { status, body } = await fog().stack.post<{ task_id: string }>('/submit-task', { ...task, payload });
    if (status === 200) {
      const view = await fog().ended(body.task_id);
      assert.deepEqual([view.status, view.attempts], ['failed', 0]);
    } else assert.ok(status >= 400 && status < 500, `${status}`);
    assert.ok(!fog().agent.payloads.some(({ mark }) => mark === path));
  });

  it('fails the task when the backup fails, and never calls the agent', async () => {
    const path = fog().project();
    const { payload, open } = fog().agent.gate();
    const first = await modifying(fog(), path, {}, { payload: { ...payload, project_path: path } });
    await fog().stack.reaches(first, 'running');
    const second = await fog().submit({ task_type: 'modification', payload: { project_path: path, mark: `gone ${path}` } });
    rmSync(path, { recursive: true });
    open();
    await fog().ended(first);
    const view = await fog().ended(second);
    assert.deepEqual([view.status, view.attempts], ['failed', 0], JSON.stringify(view.error));
    assert.ok(!fog().agent.payloads.some(({ mark }) => mark === `gone ${path}`));
  });

  it('lets one task at a time modify a project', async () => {
    const path = fog().project();
    const { payload, open } = fog().agent.gate();
    const first = await fog().submit({ task_type: 'modification', payload: { ...payload, project_path: path } });
    await fog().stack.reaches(first, 'running');
    const second = await modifying(fog(), path, { 'main.py': 'second' });
    assert.equal((await fog().status(second)).status, 'waiting');
    open();
    const [one, two] = [await fog().ended(first), await fog().ended(second)];
    assert.deepEqual([one.status, two.status], ['succeeded', 'succeeded']);
    assert.ok(at(two, 'running') >= Date.parse(String(one.finishedAt)));
  });
}
