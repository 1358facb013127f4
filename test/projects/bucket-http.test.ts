import assert from 'node:assert/strict';
import { Storage } from '@google-cloud/storage';
import { describeWithEmulators } from '../support/emulators.ts';
import type { Refusal, TestStack } from '../support/stack.ts';
import { embeddedStack } from '../support/stack-embedded.ts';
import { emulatedStack } from '../support/stack-emulated.ts';
import { treeIn } from './bucket-views.ts';
import { type BackupShown, client } from './kit.ts';

const MODE = 'goog-reserved-posix-mode';
const ROOT = 'gs://acme-projects/team';

describeWithEmulators('projects in buckets, over HTTP in the emulator runtime', function () {
  this.timeout(120_000);
  let stack: TestStack;
  before(async () => {
    stack = await emulatedStack({ projectRoots: [ROOT] });
  });
  after(() => stack?.stop());

  const bucket = () => new Storage({ apiEndpoint: process.env.STORAGE_EMULATOR_HOST, projectId: 'any' }).bucket('acme-projects');
  const put = (name: string, content: string, metadata = {}) =>
    bucket().file(`team/shop/${name}`).save(content, { resumable: false, metadata: { metadata } });
  const { submit, backups, rollBack } = client(() => stack);

  it('are submitted, backed up, mapped, compared and rolled back', async () => {
    await put('app.py', 'import lib.a\n');
    await put('lib/a.py', '', { [MODE]: '755' });
    const before = await treeIn(bucket(), 'team/shop/');
    const { status, body } = await submit(`${ROOT}/shop/`);
    assert.deepEqual([status, body.status], [200, 'success'], JSON.stringify(body));
    const [backup] = await backups(body.project_id);
    const { project_path, status: its } = backup as BackupShown;
    assert.deepEqual([project_path, its], [`${ROOT}/shop`, 'verified']);
    const map = await stack.get<Record<string, { imports: string[] }>>(`/dependency-map?project_path=${ROOT}/shop`);
    assert.deepEqual(map.body.app?.imports, ['lib.a']);

    await put('app.py', 'raise SystemExit\n');
    await put('added/new.py', '');
    await bucket().file('team/shop/lib/a.py').delete();
    const diff = await stack.get<{ entries: { path: string; change: string }[] }>(
      `/projects/${body.project_id}/diff?from=${body.backup_id}`,
    );
    assert.deepEqual(
      diff.body.entries.map(({ path, change }) => `${change} ${path}`).sort(),
      ['added added', 'added added/new.py', 'changed app.py', 'removed lib', 'removed lib/a.py'],
      JSON.stringify(diff.body),
    );
    const spoilt = await treeIn(bucket(), 'team/shop/');
    const rolled = await rollBack(body.backup_id);
    assert.equal(rolled.status, 200, JSON.stringify(rolled.body));
    assert.deepEqual(await treeIn(bucket(), 'team/shop/'), before);
    assert.equal((await rollBack(rolled.body.safety_backup_id)).status, 200);
    assert.deepEqual(await treeIn(bucket(), 'team/shop/'), spoilt);
  });

  it('are brought back when all of their objects are gone', async () => {
    await put('app.py', 'pass\n');
    const before = await treeIn(bucket(), 'team/shop/');
    const { backup_id } = (await submit(`${ROOT}/shop`)).body;
    await bucket().deleteFiles({ prefix: 'team/shop/' });
    assert.equal((await rollBack(backup_id)).status, 200);
    assert.deepEqual(await treeIn(bucket(), 'team/shop/'), before);
  });

  it('are refused outside of the roots', async () => {
    for (const path of ['gs://acme-projects/other', 'gs://acme-other/team', `${ROOT}/../other`]) {
      const { status, body } = await stack.post<Refusal>('/submit-project', { project_path: path });
      assert.ok([403, 422].includes(status), `${path}: ${status} ${JSON.stringify(body)}`);
    }
  });
});

describe('projects in buckets, in the embedded runtime', () => {
  let stack: TestStack;
  before(async () => {
    stack = await embeddedStack({ projectRoots: [ROOT] });
  });
  after(() => stack.stop());

  it('are refused, with what to do', async () => {
    const { status, body } = await stack.post<Refusal>('/submit-project', { project_path: `${ROOT}/shop` });
    assert.deepEqual([status, body.code], [422, 'project_path_invalid']);
    assert.match(String((body as { detail?: string }).detail), /STORAGE_EMULATOR_HOST/);
  });
});
