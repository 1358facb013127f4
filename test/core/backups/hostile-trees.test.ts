import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  closeSync,
  ftruncateSync,
  linkSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { backupIds, newBackupId, readManifest } from '../../../functions/core/backups/manifest.ts';
import { rollBack } from '../../../functions/core/backups/rollback.ts';
import { takeBackup } from '../../../functions/core/backups/take.ts';
import type { ProjectTree } from '../../../functions/core/ports.ts';
import { inChild } from './killing.ts';
import { emptied, makeTree, type Place, PROJECT, place, seen } from './kit.ts';

const isRoot = process.geteuid?.() === 0;
const NOBODY = 65_534;

describe('backups of trees as nobody would want them', () => {
  let at: Place;
  beforeEach(() => {
    at = place();
  });
  afterEach(() => at.remove());

  const back = async (backupId: string) => rollBack(at.parts, await at.tree(), { projectId: PROJECT, backupId });

  it('keep links that lead out, and names of every kind, literally', async () => {
    const outside = join(dirname(dirname(at.project)), 'outside');
    mkdirSync(outside);
    writeFileSync(join(outside, 'secret'), 'secret');
    makeTree(at.project, {
      'to-file': `->${outside}/secret`,
      'to-folder': `->${outside}`,
      up: '->../../outside',
      loop: '->loop',
      'a\nb': 'newline',
      'dir\r\n\t/\u001b[31m': 'controls',
      '-rf': 'flag',
      '$(touch x)': 'shell',
    });
    const before = seen(at.project);
    const backupId = await at.backup();
    const { entries } = await readManifest(at.parts, PROJECT, backupId);
    assert.ok(!JSON.stringify(entries).includes('to-folder/'), 'a link was followed');
    emptied(at.project);
    makeTree(at.project, { 'to-folder/secret': 'mine' });
    await back(backupId);
    assert.deepEqual(seen(at.project), before);
    assert.deepEqual(readdirSync(outside), ['secret']);
    assert.equal(readFileSync(join(outside, 'secret'), 'utf8'), 'secret');
  });

  it('name devices, pipes and sockets, read none, and leave them where they are', async () => {
    makeTree(at.project, { a: 'a' });
    execFileSync('mkfifo', [join(at.project, 'pipe')]);
    if (isRoot) execFileSync('mknod', [join(at.project, 'zero'), 'c', '1', '5']);
    const backupId = await at.backup();
    const { special } = await readManifest(at.parts, PROJECT, backupId);
    assert.deepEqual(special, isRoot ? ['pipe', 'zero'] : ['pipe']);
    writeFileSync(join(at.project, 'a'), 'changed');
    await back(backupId);
    assert.equal(readFileSync(join(at.project, 'a'), 'utf8'), 'a');
    assert.ok(lstatSync(join(at.project, 'pipe')).isFIFO());
    if (isRoot) assert.ok(lstatSync(join(at.project, 'zero')).isCharacterDevice());
  });

  it('take hard links for files of their own, so that what shares them elsewhere stays as it is', async () => {
    const elsewhere = join(dirname(at.project), 'elsewhere');
    makeTree(at.project, { one: 'content' });
    linkSync(join(at.project, 'one'), join(at.project, 'two'));
    linkSync(join(at.project, 'one'), elsewhere);
    const backupId = await at.backup();
    writeFileSync(join(at.project, 'one'), 'changed');
    await back(backupId);
    assert.deepEqual(
      ['one', 'two'].map((name) => readFileSync(join(at.project, name), 'utf8')),
      ['content', 'content'],
    );
    assert.equal(readFileSync(elsewhere, 'utf8'), 'changed');
  });

  it('keep a sparse file by its content, and bits that set user, group and sticky', async () => {
    const sparse = openSync(join(at.project, 'sparse'), 'w');
    ftruncateSync(sparse, 50_000_000);
    closeSync(sparse);
    makeTree(at.project, { run: { x: 'run' }, 'shared/a': 'a' });
    chmodSync(join(at.project, 'run'), 0o6755);
    chmodSync(join(at.project, 'shared'), 0o3777);
    const before = { ...seen(at.project), sparse: '' };
    const backupId = await at.backup();
    assert.ok((execFileSync('du', ['-sk', at.objects]).toString().split('\t')[0] as unknown as number) < 1_000);
    emptied(at.project);
    await back(backupId);
    assert.deepEqual({ ...seen(at.project), sparse: '' }, before);
    const { size } = statSync(join(at.project, 'sparse'));
    assert.equal(size, 50_000_000);
    assert.equal(readFileSync(join(at.project, 'sparse')).equals(Buffer.alloc(size)), true);
  });

  it('are none at all where a file cannot be read, which is named', async function () {
    this.timeout(60_000);
    makeTree(at.project, { a: 'a', 'deep/closed': 'closed', z: 'z' });
    chmodSync(join(at.project, 'deep/closed'), 0o000);
    const within = dirname(dirname(at.project));
    if (isRoot) execFileSync('chown', ['-R', `${NOBODY}:${NOBODY}`, within]);
    const { code, stderr } = await inChild(within, 'take', newBackupId(at.parts), isRoot ? { uid: NOBODY } : {});
    assert.equal(code, 1);
    assert.match(stderr, /project_unreadable/);
    assert.match(stderr, /deep\/closed/);
    assert.deepEqual(await backupIds(at.parts, PROJECT), []);
  });

  for (const [name, replace] of [
    ['a link to another folder', (other: string) => symlinkSync(other, at.project)],
    ['another folder', (other: string) => renameSync(other, at.project)],
    ['nothing', () => {}],
  ] as const) {
    it(`are none at all where ${name} takes the place of the project's folder meanwhile`, async () => {
      makeTree(at.project, { a: 'a', 'b/c': 'c', 'd/e': 'e', f: 'f' });
      const other = join(dirname(at.project), 'other');
      makeTree(other, { 'b/stolen': 'stolen', 'd/stolen': 'stolen' });
      for (const moment of ['', 'b', 'd']) {
        const tree = await at.tree();
        const aside = join(dirname(at.project), 'aside');
        const disturbed: ProjectTree = {
          ...tree,
          async list(folder) {
            if (folder === moment && folder !== '') {
              renameSync(at.project, aside);
              replace(other);
            }
            const found = await tree.list(folder);
            if (folder === moment && folder === '') {
              renameSync(at.project, aside);
              replace(other);
            }
            return found;
          },
        };
        const backupId = newBackupId(at.parts);
        const taken = takeBackup(at.parts, disturbed, { projectId: PROJECT, backupId, description: '' });
        await assert.rejects(taken, { code: 'project_changed', status: 409 });
        await assert.rejects(readManifest(at.parts, PROJECT, backupId), { code: 'backup_not_found' });
        rmSync(at.project, { force: true, recursive: true });
        renameSync(aside, at.project);
        makeTree(other, { 'b/stolen': 'stolen', 'd/stolen': 'stolen' });
      }
      const { entries } = await readManifest(at.parts, PROJECT, await at.backup());
      assert.deepEqual(
        entries.map(({ path }) => path),
        ['a', 'b', 'b/c', 'd', 'd/e', 'f'],
      );
    });
  }

  it('copy what may not be linked, being another user’s', async function () {
    if (!isRoot) this.skip();
    this.timeout(60_000);
    makeTree(at.project, { foreign: 'foreign', own: 'own' });
    const within = dirname(dirname(at.project));
    execFileSync('chown', ['-R', `${NOBODY}:${NOBODY}`, within]);
    execFileSync('chown', ['0:0', join(at.project, 'foreign')]);
    await new Promise((resolve) => setTimeout(resolve, 2_600));
    const backupId = newBackupId(at.parts);
    assert.equal((await inChild(within, 'take', backupId, { uid: NOBODY })).stderr, '');
    const before = seen(at.project);
    const inode = statSync(join(at.project, 'own')).ino;
    const { code, stderr } = await inChild(within, 'roll-back', backupId, { uid: NOBODY });
    assert.deepEqual([code, stderr], [0, '']);
    assert.deepEqual(seen(at.project), before);
    assert.equal(statSync(join(at.project, 'own')).ino, inode);
    if (readFileSync('/proc/sys/fs/protected_hardlinks', 'utf8').startsWith('1')) {
      assert.equal(statSync(join(at.project, 'foreign')).uid, NOBODY);
    }
  });
});
