import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { hash } from 'node:crypto';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { zstdCompressSync } from 'node:zlib';
import { blobObject } from '../../../functions/core/backups/blobs.ts';
import { canonical, manifestObject, newBackupId, readManifest } from '../../../functions/core/backups/manifest.ts';
import type { Manifest, ManifestEntry } from '../../../functions/core/backups/manifest-schema.ts';
import { rollBack } from '../../../functions/core/backups/rollback.ts';
import { takeBackup } from '../../../functions/core/backups/take.ts';
import { verifyBackup } from '../../../functions/core/backups/verify.ts';
import { inChild } from './killing.ts';
import { allSettled, emptied, makeTree, type Place, PROJECT, place, seen } from './kit.ts';

describe('rolling back', () => {
  let at: Place;
  beforeEach(() => {
    at = place();
  });
  afterEach(() => at.remove());

  const back = async (backupId: string, within = at) =>
    rollBack(within.parts, await within.tree(), { projectId: PROJECT, backupId });
  /** Of the file system's clock. */
  const tick = () => new Promise((resolve) => setTimeout(resolve, 10));
  /** Nothing of a rollback is left beside the project, and no journal. */
  const isClean = () => {
    assert.deepEqual(readdirSync(dirname(at.project)), ['project']);
    if (existsSync(at.state))
      assert.deepEqual(
        readdirSync(at.state).filter((name) => name.endsWith('.json')),
        [],
      );
  };

  it('brings back what was changed and removed, and removes what was added; and is undone by its own safety backup', async () => {
    makeTree(at.project, {
      a: 'a',
      'b/run': { x: 'run' },
      'b/deep/c': 'c',
      empty: null,
      none: '',
      link: '->a',
      'was-file': 'x',
      'was-folder/x': 'x',
    });
    chmodSync(join(at.project, 'b'), 0o750);
    chmodSync(at.project, 0o711);
    const before = seen(at.project);
    const backupId = await at.backup();
    writeFileSync(join(at.project, 'a'), 'changed');
    chmodSync(join(at.project, 'b'), 0o700);
    for (const path of ['b/deep', 'empty', 'was-file', 'was-folder', 'link']) rmSync(join(at.project, path), { recursive: true });
    makeTree(at.project, { 'was-file/in': 'x', 'was-folder': 'y', 'new/deep/x': 'x', link: '->/etc/passwd' });
    const changed = seen(at.project);
    const { safety_backup_id: safety } = await back(backupId);
    assert.deepEqual(seen(at.project), before);
    assert.equal(statSync(at.project).mode & 0o777, 0o711);
    isClean();
    await back(safety);
    assert.deepEqual(seen(at.project), changed);
    isClean();
  });

  it('keeps what was ignored when the backup was taken, also in folders that came later, and what is special', async () => {
    makeTree(at.project, { '.gitignore': 'cache/\n*.pyc\n', 'a.py': '1', 'a.pyc': 'old', 'cache/x': 'x', 'sub/b.py': '2' });
    const backupId = await at.backup();
    makeTree(at.project, { 'a.pyc': 'new', 'sub/b.pyc': 'p', 'later/c.py': '3', 'later/cache/y': 'y', 'later/c.pyc': 'p' });
    writeFileSync(join(at.project, '.gitignore'), '*\n');
    execFileSync('mkfifo', [join(at.project, 'pipe')]);
    const { safety_backup_id: safety } = await back(backupId);
    assert.deepEqual(
      Object.entries(seen(at.project)).filter(([, what]) => !what.startsWith('folder')),
      [
        ['.gitignore', 'file 644 cache/\n*.pyc\n'],
        ['a.py', 'file 644 1'],
        ['a.pyc', 'file 644 new'],
        ['cache/x', 'file 644 x'],
        ['later/c.pyc', 'file 644 p'],
        ['later/cache/y', 'file 644 y'],
        ['pipe', 'special'],
        ['sub/b.py', 'file 644 2'],
        ['sub/b.pyc', 'file 644 p'],
      ],
    );
    // What the rules of then did not ignore is in the safety backup, whatever the rules of now say.
    await back(safety);
    assert.equal(readFileSync(join(at.project, 'later/c.py'), 'utf8'), '3');
    isClean();
  });

  it('changes nothing where what is ignored stands in the way, and names it', async () => {
    makeTree(at.project, { '.gitignore': 'cache/\n', a: 'file' });
    const backupId = await at.backup();
    rmSync(join(at.project, 'a'));
    makeTree(at.project, { 'a/cache/x': 'x' });
    const before = seen(at.project);
    await assert.rejects(back(backupId), { code: 'ignored_in_the_way', status: 409, message: /"a\/cache"/ });
    assert.deepEqual(seen(at.project), before);
    isClean();
    renameSync(join(at.project, 'a'), join(at.project, 'moved'));
    await back(backupId);
    assert.equal(readFileSync(join(at.project, 'a'), 'utf8'), 'file');
    assert.equal(readFileSync(join(at.project, 'moved/cache/x'), 'utf8'), 'x');
  });

  it('takes over by links what is the same, with its times, and writes only the rest', async function () {
    this.timeout(60_000);
    makeTree(at.project, { same: 'same', 'deep/er/same': { x: 'run' }, changed: 'first', mode: 'm', gone: 'gone' });
    utimesSync(join(at.project, 'same'), 1_000, 1_000);
    // Files are trusted by their stamps only a moment after their last change.
    await new Promise((resolve) => setTimeout(resolve, 2_600));
    const before = seen(at.project);
    const inode = (path: string) => statSync(join(at.project, path)).ino;
    const inodes = ['same', 'deep/er/same'].map(inode);
    const backupId = await at.backup();
    writeFileSync(join(at.project, 'changed'), 'other');
    utimesSync(join(at.project, 'changed'), 1_000, 1_000);
    chmodSync(join(at.project, 'mode'), 0o600);
    rmSync(join(at.project, 'gone'));
    const changed = seen(at.project);
    const { safety_backup_id: safety } = await back(backupId);
    assert.deepEqual(seen(at.project), before);
    assert.deepEqual(['same', 'deep/er/same'].map(inode), inodes);
    assert.deepEqual([statSync(join(at.project, 'same')).mtimeMs, statSync(join(at.project, 'same')).nlink], [1_000_000, 1]);
    isClean();
    await back(safety);
    assert.deepEqual(seen(at.project), changed);
  });

  it('links nothing that changes at the last moment, and leaves the project alone', async function () {
    this.timeout(60_000);
    makeTree(at.project, { a: 'a', b: 'b', c: 'c' });
    const open = async () => allSettled(await at.tree());
    const take = async () => {
      await tick();
      const backupId = newBackupId(at.parts);
      await takeBackup(at.parts, await open(), { projectId: PROJECT, backupId, description: '' });
      return backupId;
    };
    const backupId = await take();
    for (const meanwhile of [
      () => {
        writeFileSync(join(at.project, 'b'), 'B');
        utimesSync(join(at.project, 'b'), 1, 1);
      },
      () => chmodSync(join(at.project, 'b'), 0o600),
      () => rmSync(join(at.project, 'b')),
      () => {
        rmSync(join(at.project, 'b'));
        symlinkSync('/etc/passwd', join(at.project, 'b'));
      },
    ]) {
      const trees: Place['parts']['trees'] = {
        ...at.parts.trees,
        async replace(...given) {
          const replacement = await at.parts.trees.replace(...given);
          return {
            ...replacement,
            async commit() {
              meanwhile();
              await replacement.commit();
            },
          };
        },
      };
      await tick();
      const again = rollBack({ ...at.parts, trees }, await open(), { projectId: PROJECT, backupId });
      await assert.rejects(again, { code: 'project_changed', status: 409, message: /"b"/ });
      isClean();
      rmSync(join(at.project, 'b'), { force: true });
      writeFileSync(join(at.project, 'b'), 'b');
      // The links that were made, and taken back, have altered the others.
      await take();
    }
  });

  it('does without a `sync` of the system', async () => {
    makeTree(at.project, { a: 'a', 'deep/er/b': 'b', empty: null, link: '->nowhere' });
    writeFileSync(Buffer.concat([Buffer.from(`${at.project}/`), Buffer.of(0xff)]), 'no UTF-8');
    const backupId = await at.backup();
    const before = seen(at.project);
    rmSync(join(at.project, 'deep'), { recursive: true });
    const path = process.env.PATH;
    process.env.PATH = '';
    try {
      await back(backupId);
    } finally {
      process.env.PATH = path;
    }
    assert.deepEqual(seen(at.project), before);
  });

  it('lets one of two win', async () => {
    makeTree(at.project, { a: 'a' });
    const backupId = await at.backup();
    writeFileSync(join(at.project, 'a'), 'b');
    const outcomes = await Promise.allSettled([back(backupId), back(backupId), back(backupId)]);
    assert.equal(outcomes.filter(({ status }) => status === 'fulfilled').length, 1);
    for (const outcome of outcomes) {
      if (outcome.status === 'rejected') assert.deepEqual([outcome.reason.code, outcome.reason.status], ['project_busy', 409]);
    }
    assert.equal(readFileSync(join(at.project, 'a'), 'utf8'), 'a');
    isClean();
  });

  it('leaves the project alone when it changes meanwhile', async () => {
    makeTree(at.project, { a: 'a', b: 'b' });
    const backupId = await at.backup();
    writeFileSync(join(at.project, 'a'), 'changed');
    const parts = {
      ...at.parts,
      objects: {
        ...at.parts.objects,
        // The last that a safety backup does before it is verified.
        async delete(bucket: string, name: string) {
          await at.parts.objects.delete(bucket, name);
          if (name.startsWith('drafts/')) writeFileSync(join(at.project, 'b'), 'meanwhile');
        },
      },
    };
    await assert.rejects(rollBack(parts, await at.tree(), { projectId: PROJECT, backupId }), {
      code: 'project_changed',
      status: 409,
      message: /"b"/,
    });
    assert.equal(readFileSync(join(at.project, 'a'), 'utf8'), 'changed');
    assert.equal(readFileSync(join(at.project, 'b'), 'utf8'), 'meanwhile');
    isClean();
  });

  it('brings back folders that their owner may not write to', async function () {
    this.timeout(60_000);
    makeTree(at.project, {
      'closed/a': 'a',
      'closed/deep/b': 'b',
      '.gitignore': '*.tmp\n',
      'closed/x.tmp': 'x',
      'closed/deep/y.tmp': 'y',
    });
    for (const folder of ['closed/deep', 'closed']) chmodSync(join(at.project, folder), 0o555);
    const before = seen(at.project);
    const backupId = await at.backup();
    chmodSync(join(at.project, 'closed'), 0o755);
    rmSync(join(at.project, 'closed/a'));
    chmodSync(join(at.project, 'closed'), 0o555);
    const within = dirname(dirname(at.project));
    // The superuser may write anywhere, so that somebody else has to do it.
    const NOBODY = 65_534;
    const isRoot = process.geteuid?.() === 0;
    if (isRoot) execFileSync('chown', ['-R', `${NOBODY}:${NOBODY}`, within]);
    const { code, stderr } = await inChild(within, 'roll-back', backupId, isRoot ? { uid: NOBODY } : {});
    assert.deepEqual([code, stderr], [0, '']);
    assert.deepEqual(seen(at.project), before);
    isClean();
  });

  describe('of a backup that is not what it was', () => {
    let backupId: string;
    let before: Record<string, string>;
    beforeEach(async () => {
      makeTree(at.project, { a: 'a', b: 'b'.repeat(3_000), large: Buffer.alloc(5_000_000, 'xyz') });
      backupId = await at.backup();
      emptied(at.project);
      makeTree(at.project, { other: 'other' });
      before = seen(at.project);
    });

    it('finds any flipped bit, names it, and touches nothing', async function () {
      this.timeout(60_000);
      const manifest = await readManifest(at.parts, PROJECT, backupId);
      const files = [
        { path: join(at.objects, 'backups', manifestObject(PROJECT, backupId)), named: backupId },
        ...manifest.blobs.map((blob) => ({ path: join(at.objects, 'backups', blobObject(blob)), named: blob })),
      ];
      for (const { path, named } of files) {
        const bytes = readFileSync(path);
        // Some of the headers and some of the rest; the long test takes them all.
        const random = Array.from({ length: 8 }, () => at.parts.ids.below(bytes.length));
        const places = [0, 4, 42, 43, 44, 48, 49, ...random].filter((place) => place < bytes.length);
        for (const place of [...places, bytes.length - 1]) {
          const flipped = Buffer.from(bytes);
          flipped[place] = (flipped[place] as number) ^ (1 << at.parts.ids.below(8));
          writeFileSync(path, flipped);
          await assert.rejects(back(backupId), { code: 'backup_corrupt', message: new RegExp(named) });
        }
        for (const wrong of [bytes.subarray(0, -1), Buffer.concat([bytes, Buffer.of(0)]), Buffer.alloc(0)]) {
          writeFileSync(path, wrong);
          await assert.rejects(back(backupId), { code: 'backup_corrupt', message: new RegExp(named) });
        }
        writeFileSync(path, bytes);
      }
      assert.deepEqual(seen(at.project), before);
      isClean();
      await back(backupId);
      assert.equal(readFileSync(join(at.project, 'a'), 'utf8'), 'a');
    });

    it('finds a blob that is gone, and by verifying names every file that needs it', async () => {
      const { blobs } = await readManifest(at.parts, PROJECT, backupId);
      for (const blob of blobs) rmSync(join(at.objects, 'backups', blobObject(blob)));
      await assert.rejects(back(backupId), { code: 'backup_corrupt', message: /missing/ });
      const { corrupt, files } = await verifyBackup(at.parts, { projectId: PROJECT, backupId });
      assert.deepEqual(corrupt.map(({ path }) => path).sort(), ['a', 'b', 'large']);
      assert.equal(files, 0);
      assert.deepEqual(seen(at.project), before);
    });

    it('finds it also in what the project still has, and would not have to be written', async function () {
      this.timeout(60_000);
      await back(backupId);
      // Files are trusted by their stamps only a moment after their last change.
      await new Promise((resolve) => setTimeout(resolve, 2_600));
      const same = await at.backup();
      const there = seen(at.project);
      const { entries, blobs } = await readManifest(at.parts, PROJECT, same);
      assert.ok(entries.every((entry) => entry.kind !== 'file' || entry.stamp !== undefined));
      for (const blob of blobs) {
        const path = join(at.objects, 'backups', blobObject(blob));
        const bytes = readFileSync(path);
        const flipped = Buffer.from(bytes);
        flipped[bytes.length - 1] = (flipped[bytes.length - 1] as number) ^ 1;
        writeFileSync(path, flipped);
        await assert.rejects(back(same), { code: 'backup_corrupt', message: new RegExp(blob) });
        writeFileSync(path, bytes);
      }
      assert.deepEqual(seen(at.project), there);
      await back(same);
      assert.deepEqual(seen(at.project), there);
    });

    it('takes the manifest of another backup, or of another project, for none', async () => {
      const other = await at.backup();
      const path = (project: string, id: string) => join(at.objects, 'backups', manifestObject(project, id));
      writeFileSync(path(PROJECT, backupId), readFileSync(path(PROJECT, other)));
      await assert.rejects(back(backupId), { code: 'backup_corrupt', message: new RegExp(other) });
      mkdirSync(dirname(path('project-2', other)), { recursive: true });
      writeFileSync(path('project-2', other), readFileSync(path(PROJECT, other)));
      await assert.rejects(readManifest(at.parts, 'project-2', other), { code: 'backup_corrupt' });
      assert.deepEqual(seen(at.project), before);
    });

    it('takes a safety backup on nothing when the last backup is corrupt', async () => {
      const last = await at.backup();
      const good = await readManifest(at.parts, PROJECT, backupId);
      const { blobs } = await readManifest(at.parts, PROJECT, last);
      for (const blob of blobs.filter((one) => !good.blobs.includes(one))) {
        writeFileSync(join(at.objects, 'backups', blobObject(blob)), 'rotten');
      }
      const { safety_backup_id: safety } = await back(backupId);
      await back(safety);
      assert.deepEqual(seen(at.project), before);
    });
  });

  describe('by a forged manifest', () => {
    const content = Buffer.from('forged');
    const forge = async (entries: unknown[], signing = at.parts.signing): Promise<string> => {
      const packed = zstdCompressSync(content);
      const blob = hash('sha256', packed);
      await at.parts.objects.put('backups', blobObject(blob), packed, { ifAbsent: true });
      const backupId = newBackupId(at.parts);
      const manifest = {
        format: 1,
        backup_id: backupId,
        project_id: PROJECT,
        project_path: at.project,
        description: '',
        timestamp: '',
        patterns: [],
        special: [],
      };
      const text = zstdCompressSync(canonical({ ...manifest, blobs: [blob], entries } as unknown as Manifest));
      await at.parts.objects.put(
        'backups',
        manifestObject(PROJECT, backupId),
        Buffer.concat([Buffer.from(`${signing.manifest(text)}\n`), text]),
      );
      return backupId;
    };
    const file = (path: string) => ({
      kind: 'file',
      path,
      mode: 0o644,
      size: 6,
      sha256: hash('sha256', content),
      parts: [[0, 0, 6]],
    });
    const folder = (path: string) => ({ kind: 'folder', path, mode: 0o755 });
    const link = (path: string, target: string) => ({ kind: 'link', path, target });

    it('works when it is signed and sound', async () => {
      await back(await forge([folder('a'), file('a/b')]));
      assert.equal(readFileSync(join(at.project, 'a/b'), 'utf8'), 'forged');
    });

    for (const [name, entries] of [
      ['a way up', [file('../out')]],
      ['a way up in the middle', [folder('a'), file('a/../../out')]],
      ['an absolute path', [file('/tmp/out')]],
      ['an empty part', [folder('a'), file('a//b')]],
      ['a dot', [file('./a')]],
      ['no path', [file('')]],
      ['a zero byte', [file('a\0b')]],
      ['a file below a link', [link('a', '/tmp'), file('a/out')]],
      ['a folder below a file', [file('a'), folder('a/b')]],
      ['a folder that comes too late', [file('a/b'), folder('a')]],
      ['one path twice', [file('a'), link('a', '/etc/passwd')]],
      ['a blob that it does not name', [{ ...file('a'), parts: [[1, 0, 6]] }]],
      ['bytes behind the end', [{ ...file('a'), parts: [[0, 5_000_000, 6]] }]],
      ['another size', [{ ...file('a'), size: 7 }]],
      ['a mode that is none', [{ ...file('a'), mode: 0o100644 }]],
      ['half a character', [file('a\ud800')]],
    ] as [string, ManifestEntry[]][]) {
      it(`refuses ${name}`, async () => {
        makeTree(at.project, { here: 'here' });
        const backupId = await forge(entries);
        await assert.rejects(back(backupId), (error: { code: string }) => ['backup_corrupt', 'path_invalid'].includes(error.code));
        assert.deepEqual(Object.keys(seen(at.project)), ['here']);
        isClean();
      });
    }

    it('refuses one that is signed with another key', async () => {
      const { signingFrom } = await import('../../../functions/core/signing.ts');
      const backupId = await forge([file('a')], signingFrom('another key, as long as the first one'));
      await assert.rejects(back(backupId), { code: 'backup_corrupt' });
    });

    it('writes through no link that somebody puts into the way', async () => {
      const outside = join(dirname(at.project), '..', 'outside');
      mkdirSync(outside);
      makeTree(at.project, { 'a/x': 'x' });
      const backupId = await at.backup();
      rmSync(join(at.project, 'a'), { recursive: true });
      symlinkSync(outside, join(at.project, 'a'));
      await back(backupId);
      assert.equal(readFileSync(join(at.project, 'a/x'), 'utf8'), 'x');
      assert.deepEqual(readdirSync(outside), []);
    });
  });
});
