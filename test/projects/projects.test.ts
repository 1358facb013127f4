import assert from 'node:assert/strict';
import { renameSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { projectIdOf } from '../../functions/core/projects.ts';
import { describeWithEmulators } from '../support/emulators.ts';
import { temporaryFolder, until } from '../support/folder.ts';
import type { Refusal, TestStack } from '../support/stack.ts';
import { embeddedStack } from '../support/stack-embedded.ts';
import { emulatedStack } from '../support/stack-emulated.ts';
import { audited, type BackupShown, client, makeProject, projectRoot, seen, spoil, write } from './kit.ts';

/** What has to be the same on every runtime. */
function keepsProjects(stackOf: () => TestStack, root: string): void {
  const { submit, backups, rollBack } = client(stackOf);
  const view = async (projectId: string) => (await stackOf().get<Record<string, unknown>>(`/projects/${projectId}`)).body;
  const diff = async (projectId: string, query: string) =>
    (
      await stackOf().get<{ counts: object; entries: { path: string; change: string }[]; nextCursor?: string }>(
        `/projects/${projectId}/diff?${query}`,
      )
    ).body;

  it('takes a project, and a first backup of it', async () => {
    const project = makeProject(join(root, 'first'));
    const { status, body } = await submit(project);
    assert.deepEqual([status, body.status], [200, 'success'], JSON.stringify(body));
    assert.match(body.backup_id, /^backup_\d{8}_\d{6}_[0-9a-f]+$/);
    const [backup, ...others] = await backups(body.project_id);
    assert.deepEqual(others, []);
    const { backup_id, project_path, description, status: its } = backup as BackupShown;
    assert.deepEqual([backup_id, project_path, description], [body.backup_id, project, 'Initial project submission']);
    assert.deepEqual([its, Number.isNaN(Date.parse(String(backup?.timestamp)))], ['verified', false]);
  });

  it('keeps one record of a project that is submitted again, and takes another backup', async () => {
    const project = makeProject(join(root, 'again'));
    symlinkSync(project, join(root, 'another-way'));
    const first = (await submit(project)).body;
    const second = (await submit(join(root, 'another-way'), 'once more')).body;
    assert.equal(second.project_id, first.project_id);
    assert.notEqual(second.backup_id, first.backup_id);
    assert.deepEqual(
      (await backups(first.project_id)).map(({ backup_id, description }) => [backup_id, description]),
      [
        [second.backup_id, 'once more'],
        [first.backup_id, 'Initial project submission'],
      ],
    );
    const { projects } = (await stackOf().get<{ projects: { project_id: string }[] }>('/projects?limit=200')).body;
    assert.equal(projects.filter(({ project_id }) => project_id === first.project_id).length, 1);
    assert.deepEqual((await stackOf().get('/projects?limit=0')).body, { projects: [] });
  });

  it('compares a backup with its own project alone, wherever its path leads by now', async () => {
    const project = makeProject(join(root, 'moved'));
    const { backup_id, project_id } = (await submit(project)).body;
    const query = `/projects/${project_id}/diff?from=${backup_id}`;
    renameSync(project, join(root, 'moved-away'));
    const gone = await stackOf().get<Refusal>(query);
    assert.deepEqual([gone.status, gone.body.code], [404, 'project_not_found']);
    symlinkSync(join(root, 'moved-away'), project);
    const moved = await stackOf().get<Refusal>(query);
    assert.deepEqual([moved.status, moved.body.code], [409, 'project_moved']);
  });

  it('rolls back what was changed, added and lost, and says how to undo that', async () => {
    const project = makeProject(join(root, 'spoilt'));
    const before = seen(project);
    const { backup_id, project_id } = (await submit(project)).body;
    spoil(project);
    const spoilt = seen(project);
    const { status, body } = await rollBack(backup_id);
    assert.deepEqual([status, body.status, body.message], [200, 'success', `Rolled back to ${backup_id}`]);
    assert.deepEqual(seen(project), before);
    const undone = await rollBack(body.safety_backup_id);
    assert.equal(undone.status, 200, JSON.stringify(undone.body));
    assert.deepEqual(seen(project), spoilt);
    // The newest that somebody asked for, not what rollbacks took for their own sake.
    const latest = await stackOf().post<Record<string, unknown>>(`/rollback/latest?project_id=${project_id}`, {});
    assert.deepEqual([latest.status, latest.body.message], [200, `Rolled back to ${backup_id}`]);
    assert.deepEqual(seen(project), before);
    const last = (await view(project_id)).latest_rollback as Record<string, unknown>;
    assert.deepEqual([last.status, last.backup_id], ['succeeded', backup_id]);
    const shown = await stackOf().get<Record<string, unknown>>(`/rollbacks/${last.rollback_id}`);
    assert.deepEqual(shown.body, last);
    const kinds = (await backups(project_id)).map(({ kind, status: its }) => `${kind} ${its}`);
    assert.deepEqual(kinds, ['safety verified', 'safety verified', 'safety verified', 'requested verified']);
    const entries = await audited(stackOf(), project_id);
    assert.deepEqual(
      entries.map(({ event }) => event),
      ['project_submitted', 'backup_created', 'rolled_back', 'rolled_back', 'rolled_back'],
    );
    assert.deepEqual(entries[1]?.detail, { backupId: backup_id, manifestHash: (await backups(project_id)).at(-1)?.manifest_hash });
  });

  it('compares a backup with now and with another one, page by page', async () => {
    const project = makeProject(join(root, 'compared'));
    const first = (await submit(project)).body;
    spoil(project);
    const second = await stackOf().post<{ backup_id: string }>(`/projects/${first.project_id}/backups`, { description: 'spoilt' });
    assert.equal(second.status, 200);
    const counts = { added: 2, removed: 0, changed: 2 };
    const now = await diff(first.project_id, `from=${first.backup_id}`);
    assert.deepEqual(now.counts, counts);
    assert.deepEqual(
      now.entries.map(({ path, change }) => [path, change]),
      [
        ['added', 'added'],
        ['added/new.py', 'added'],
        ['app.py', 'changed'],
        ['run.sh', 'changed'],
      ],
    );
    const page = await diff(first.project_id, `from=${first.backup_id}&to=${second.body.backup_id}&limit=3`);
    assert.deepEqual([page.counts, page.entries.length], [counts, 3]);
    const rest = await diff(first.project_id, `from=${first.backup_id}&to=${second.body.backup_id}&cursor=${page.nextCursor}`);
    assert.deepEqual(
      [...page.entries, ...rest.entries].map(({ path }) => path),
      now.entries.map(({ path }) => path),
    );
    assert.equal(rest.nextCursor, undefined);
  });

  it('says which modules a change touches, and how', async () => {
    const project = makeProject(join(root, 'touched'));
    write(join(project, 'alone.py'), '');
    const { backup_id, project_id } = (await submit(project)).body;
    writeFileSync(join(project, 'lib/b.py'), 'b = 1\n');
    const path = `/dependency-map?project_path=${encodeURIComponent(project)}&since=${backup_id}`;
    assert.deepEqual((await stackOf().get(path)).body, {
      since: backup_id,
      project_id,
      modules: {
        'lib.b': { path: 'lib/b.py', touched: 'changed' },
        'lib.a': { path: 'lib/a.py', touched: 'direct', via: 'lib.b' },
        app: { path: 'app.py', touched: 'indirect', via: 'lib.a' },
      },
      removed: [],
    });
  });

  it('reads a backup back when it is asked to', async () => {
    const { backup_id, project_id } = (await submit(makeProject(join(root, 'checked')))).body;
    const { status, body } = await stackOf().post<Record<string, unknown>>(
      `/projects/${project_id}/backups/${backup_id}/verify`,
      {},
    );
    assert.deepEqual([status, body.verified, body.files, body.corrupt], [200, true, 5, []]);
  });

  it('gives up the backups that the retention of the project does not keep', async () => {
    const project = makeProject(join(root, 'kept'));
    const ids: string[] = [];
    for (let n = 0; n < 3; n += 1) ids.push((await submit(project)).body.backup_id);
    const { project_id } = (await stackOf().get<{ project_id: string }>(`/projects/${projectIdOf('default', project)}`)).body;
    const { status, body } = await stackOf().put<Record<string, unknown>>(`/projects/${project_id}/retention`, { last: 1 });
    assert.deepEqual([status, body.retention], [200, { last: 1, daily: 0, weekly: 0 }]);
    await until(async () => (await backups(project_id, '?status=expired')).length === 2);
    assert.deepEqual(
      (await backups(project_id, '?status=verified')).map(({ backup_id }) => backup_id),
      [ids[2]],
    );
    const gone = await stackOf().post<Refusal>(`/rollback/${ids[0]}`, {});
    assert.deepEqual([gone.status, gone.body.code], [400, 'backup_not_found']);
    await until(async () => (await audited(stackOf(), project_id)).some(({ event }) => event === 'retention_changed'));
  });

  const elsewhere = temporaryFolder();
  after(() => elsewhere.remove());
  const refused: [what: string, body: () => object, status: number, code: string][] = [
    ['no path', () => ({}), 422, 'invalid_fields'],
    ['a path that is no text', () => ({ project_path: 7 }), 422, 'invalid_fields'],
    ['a relative path', () => ({ project_path: 'first' }), 422, 'project_path_invalid'],
    ['a folder that there is not', () => ({ project_path: join(root, 'none') }), 404, 'project_not_found'],
    ['a folder elsewhere', () => ({ project_path: elsewhere.path }), 403, 'outside_roots'],
    ['a way out by dots', () => ({ project_path: `${root}/../..` }), 403, 'outside_roots'],
  ];
  for (const [what, body, status, code] of refused) {
    it(`refuses ${what} as a project, and names the field`, async () => {
      const reply = await stackOf().post<Refusal>('/submit-project', body());
      assert.deepEqual([reply.status, reply.body.code], [status, code]);
      assert.match(JSON.stringify(reply.body), /project_path/);
    });
  }

  const unknown = 'backup_20260101_000000_0123456789abcdef';
  const absent: [method: 'get' | 'post', path: string, status: number, code: string][] = [
    ['post', `/rollback/${unknown}`, 400, 'backup_not_found'],
    ['post', '/rollback/..%2F..%2Fetc', 400, 'backup_not_found'],
    ['post', '/rollback/__proto__', 400, 'backup_not_found'],
    ['post', `/rollback/latest?project_id=${'0'.repeat(40)}`, 404, 'project_not_found'],
    ['post', '/rollback/latest', 422, 'project_ambiguous'],
    ['get', '/projects/..%2F..%2Fkeys', 404, 'project_not_found'],
    ['get', `/projects/${'0'.repeat(40)}/backups`, 404, 'project_not_found'],
    ['get', '/rollbacks/none', 404, 'rollback_not_found'],
  ];
  for (const [method, path, status, code] of absent) {
    it(`answers ${code} for ${method} ${path}`, async () => {
      const { status: got, body } = await (method === 'get' ? stackOf().get<Refusal>(path) : stackOf().post<Refusal>(path, {}));
      assert.deepEqual([got, body.code], [status, code]);
      if (path === `/rollback/${unknown}`) assert.match(body.detail, new RegExp(`${unknown} not found`));
    });
  }
}

describe('projects (embedded)', function () {
  this.timeout(60_000);
  const root = projectRoot();
  let stack: TestStack;
  before(async () => {
    stack = await embeddedStack({ projectRoots: [root.path], 'times.backupWaitMs': 30_000 });
  });
  after(async () => {
    await stack.stop();
    root.remove();
  });

  keepsProjects(() => stack, root.path);
});

describeWithEmulators('projects', function () {
  this.timeout(120_000);
  const root = projectRoot();
  let stack: TestStack;
  before(async () => {
    stack = await emulatedStack({ projectRoots: [root.path], 'times.backupWaitMs': 30_000 });
  });
  after(async () => {
    await stack?.stop();
    root.remove();
  });

  keepsProjects(() => stack, root.path);
});
