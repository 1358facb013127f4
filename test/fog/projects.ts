/** Rows F2 and F10: projects are submitted, and their modules mapped. */

import assert from 'node:assert/strict';
import type { Refusal, View } from '../support/stack.ts';
import { BACKUP_ID, type Fog } from './kit.ts';
import { type Project, projectOf, submitProject, verified } from './project-words.ts';

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
