/** Rows F2, F4, F8, F9 and F10: projects are submitted, backed up before they are modified, rolled back, and mapped. */

import assert from 'node:assert/strict';
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { until } from '../support/folder.ts';
import type { Refusal, View } from '../support/stack.ts';
import { at, BACKUP_ID, type Fog } from './kit.ts';

interface Backup {
  readonly backup_id: string;
  readonly status: string;
  readonly timestamp: string;
  readonly project_path: string;
  readonly description: string;
  readonly [field: string]: unknown;
}
interface Project {
  readonly project_id: string;
  readonly project_path: string;
  readonly description: string;
  readonly [field: string]: unknown;
}

/** `POST /submit-project`; gives the id of the first backup. */
async function submitProject(fog: Fog, project_path: string, part: object = {}): Promise<string> {
  const { status, body } = await fog.stack.post<{ status: string; backup_id: string }>('/submit-project', {
    project_path,
    ...part,
  });
  assert.deepEqual([status, body.status], [200, 'success'], JSON.stringify(body));
  return body.backup_id;
}

async function projectOf(fog: Fog, project_path: string): Promise<Project | undefined> {
  const { body } = await fog.stack.get<{ projects: Project[] }>('/projects?limit=200');
  return body.projects.find((project) => project.project_path === project_path);
}

async function backupsOf(fog: Fog, project_path: string): Promise<Backup[]> {
  const project = await projectOf(fog, project_path);
  const { status, body } = await fog.stack.get<{ backups: Backup[] }>(`/projects/${project?.project_id}/backups`);
  assert.equal(status, 200, JSON.stringify(body));
  return body.backups;
}

async function verified(fog: Fog, project_path: string, backup_id: string): Promise<Backup> {
  let found: Backup | undefined;
  await until(async () => {
    found = (await backupsOf(fog, project_path)).find((backup) => backup.backup_id === backup_id);
    return found?.status === 'verified';
  });
  return found as Backup;
}

/** A task that writes files into its project. */
const modifying = (fog: Fog, project_path: string, write: Readonly<Record<string, string>>, part: object = {}) =>
  fog.submit({ task_type: 'modification', payload: { project_path, write }, ...part });

const text = (path: string, name: string): string => readFileSync(join(path, name), 'utf8');

export function submitsProjects(fog: () => Fog): void {
  it('keeps a record of a project, and takes a first backup', async () => {
    const path = fog().project();
    const backup_id = await submitProject(fog(), path);
    assert.match(backup_id, BACKUP_ID);
    assert.equal((await verified(fog(), path, backup_id)).description, 'Initial project submission');
    const project = await projectOf(fog(), path);
    const { status, body } = await fog().stack.get<Project>(`/projects/${project?.project_id}`);
    assert.deepEqual([status, body.project_path], [200, path]);
  });

  it('takes a description of the backup', async () => {
    const path = fog().project();
    const backup_id = await submitProject(fog(), path, { description: 'As it came' });
    assert.equal((await verified(fog(), path, backup_id)).description, 'As it came');
  });

  it('takes another backup of a project that it knows', async () => {
    const path = fog().project();
    const ids = [await submitProject(fog(), path), await submitProject(fog(), path)];
    for (const id of ids) await verified(fog(), path, id);
    assert.equal(new Set(ids).size, 2);
  });

  for (const [what, path] of [
    ['that is missing', undefined],
    ['that is empty', ''],
    ['that is not there', 'nowhere'],
    ['outside the roots', '/etc'],
    ['that leads out of the roots', '../..'],
  ] as const) {
    it(`answers 4xx to a path ${what}`, async () => {
      const isRelative = path !== undefined && path !== '' && !path.startsWith('/');
      const project_path = isRelative ? `${fog().root}/${path}` : path;
      const { status, body } = await fog().stack.post<Refusal>('/submit-project', { project_path });
      assert.ok(status >= 400 && status < 500, `${status}`);
      assert.match(JSON.stringify(body), /project_path|root|folder|project/);
    });
  }
}

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

export function versionsBackups(fog: () => Fog): void {
  it('names a backup by its time, and keeps what there is to know of it', async () => {
    const path = fog().project();
    const backup_id = await submitProject(fog(), path, { description: 'of the morning' });
    const backup = await verified(fog(), path, backup_id);
    const [, day = '', time = ''] = /^backup_(\d{8})_(\d{6})_/.exec(backup_id) ?? [];
    const named = Date.UTC(
      +day.slice(0, 4),
      +day.slice(4, 6) - 1,
      +day.slice(6),
      +time.slice(0, 2),
      +time.slice(2, 4),
      +time.slice(4),
    );
    assert.ok(Math.abs(Date.now() - named) < 60_000, backup_id);
    assert.deepEqual([backup.project_path, backup.description], [path, 'of the morning']);
    assert.ok(Math.abs(Date.parse(backup.timestamp) - named) < 10_000, backup.timestamp);
  });

  it('is content-addressed: a second backup of the same stores nothing anew', async () => {
    const path = fog().project({ 'a.txt': 'a'.repeat(100_000) });
    await verified(fog(), path, await submitProject(fog(), path));
    const blobs = async () => (await names(fog(), 'blobs/')).length;
    const before = await blobs();
    await verified(fog(), path, await submitProject(fog(), path));
    assert.equal(await blobs(), before);
  });
}

export function rollsBack(fog: () => Fog): void {
  const rollBack = <T = { status: string; message: string }>(id: string) => fog().stack.post<T>(`/rollback/${id}`, {});

  it('puts a project back as it was: changed files, added ones, empty folders, modes and links', async () => {
    const path = fog().project({ 'main.py': 'before', 'pkg/gone.py': 'kept', 'run.sh': '#!/bin/sh\n' });
    mkdirSync(join(path, 'empty'));
    chmodSync(join(path, 'run.sh'), 0o755);
    symlinkSync('main.py', join(path, 'link'));
    await verified(fog(), path, await submitProject(fog(), path));
    const task = await fog().ended(await modifying(fog(), path, { 'main.py': 'after', 'added.py': 'new' }));
    const { backup_id } = await fog().status(String(task.idempotencyKey));
    rmSync(join(path, 'pkg'), { recursive: true });
    rmSync(join(path, 'empty'), { recursive: true });
    rmSync(join(path, 'link'));
    chmodSync(join(path, 'run.sh'), 0o600);
    const { status, body } = await rollBack(String(backup_id));
    assert.deepEqual([status, body.status, body.message], [200, 'success', `Rolled back to ${backup_id}`]);
    assert.deepEqual([text(path, 'main.py'), text(path, 'pkg/gone.py')], ['before', 'kept']);
    assert.ok(!existsSync(join(path, 'added.py')));
    assert.ok(lstatSync(join(path, 'empty')).isDirectory());
    assert.equal(lstatSync(join(path, 'run.sh')).mode & 0o777, 0o755);
    assert.equal(readlinkSync(join(path, 'link')), 'main.py');
  });

  it('goes back to the latest', async () => {
    const path = fog().project();
    const backup_id = await submitProject(fog(), path);
    await verified(fog(), path, backup_id);
    writeFileSync(join(path, 'main.py'), 'spoilt');
    const { status, body } = await rollBack(`latest?project_path=${encodeURIComponent(path)}`);
    assert.deepEqual([status, body.message], [200, `Rolled back to ${backup_id}`]);
    assert.equal(text(path, 'main.py'), 'print("before")\n');
  });

  it('can itself be rolled back', async () => {
    const path = fog().project();
    const backup_id = await submitProject(fog(), path);
    await verified(fog(), path, backup_id);
    writeFileSync(join(path, 'main.py'), 'worth keeping');
    assert.equal((await rollBack(backup_id)).status, 200);
    const safety = (await backupsOf(fog(), path)).find((backup) => backup.backup_id !== backup_id);
    assert.equal((await rollBack(String(safety?.backup_id))).status, 200);
    assert.equal(text(path, 'main.py'), 'worth keeping');
  });

  it('answers 400 to an unknown id, names it, and says that it was not found', async () => {
    const { status, body } = await rollBack<Refusal>('backup_20200101_000000_00000000');
    assert.equal(status, 400);
    assert.match(body.detail, /backup_20200101_000000_00000000.*not found/i);
    assert.equal((await rollBack('nothing')).status, 400);
  });

  it('leaves the project alone when the backup is damaged', async () => {
    const path = fog().project({ 'main.py': `of ${Math.random()}` });
    const before = new Set(await names(fog(), 'blobs/'));
    const backup_id = await submitProject(fog(), path);
    await verified(fog(), path, backup_id);
    writeFileSync(join(path, 'main.py'), 'as it is');
    for (const name of await names(fog(), 'blobs/')) if (!before.has(name)) await fog().stack.objects.delete('backups', name);
    const { status } = await rollBack<Refusal>(backup_id);
    assert.ok(status >= 400, `${status}`);
    assert.equal(text(path, 'main.py'), 'as it is');
  });
}

export function mapsDependencies(fog: () => Fog): void {
  type Module = { path: string; imports: string[]; is_isolated: boolean; is_shared: boolean };
  const mapOf = async (path: string) =>
    (await fog().stack.get<Record<string, Module>>(`/dependency-map?project_path=${encodeURIComponent(path)}`)).body;

  it('shows each module with its internal imports, isolated and shared ones', async () => {
    const path = fog().project({
      'a.py': 'import os\nimport b\nfrom abc import x\n',
      'b.py': 'import json\n',
      'abc.py': 'import b\n',
      'alone.py': 'x = 1\n',
      'broken.py': 'def (:\n',
    });
    const map = await mapOf(path);
    assert.deepEqual(Object.keys(map).sort(), ['a', 'abc', 'alone', 'b', 'broken']);
    assert.deepEqual(map.a, { path: 'a.py', imports: ['abc', 'b'], is_isolated: false, is_shared: false });
    assert.deepEqual([map.b?.is_shared, map.abc?.is_shared, map.alone?.is_isolated, map.broken?.imports], [true, false, true, []]);
  });

  it('resolves relative imports, and begins with the name of a package', async () => {
    const path = fog().project({
      '__init__.py': '',
      'a.py': 'from . import b\n',
      'b.py': '',
      'sub/__init__.py': 'from ..a import x\n',
    });
    const root = path.slice(path.lastIndexOf('/') + 1);
    const map = await mapOf(path);
    assert.deepEqual(map[`${root}.a`]?.imports, [`${root}.b`]);
    assert.deepEqual(map[`${root}.sub`]?.imports, [`${root}.a`]);
  });

  it('maps TypeScript too, and names cycles', async () => {
    const path = fog().project({ 'a.ts': "import './b.ts';\n", 'b.ts': "import './a.ts';\n" });
    const summary = await fog().stack.get<View>(`/dependency-map?project_path=${encodeURIComponent(path)}&view=summary`);
    assert.equal((summary.body.cycles as unknown[]).length, 1);
  });
}

async function names(fog: Fog, prefix: string): Promise<string[]> {
  const { objects, next } = await fog.stack.objects.list('backups', prefix);
  assert.equal(next, undefined, 'more than a page');
  return objects.map(({ name }) => name);
}
