import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { blobObject } from '../../functions/core/backups/blobs.ts';
import { changedSince, diffWithNow } from '../../functions/core/backups/diff.ts';
import { manifestObject, newBackupId, readManifest } from '../../functions/core/backups/manifest.ts';
import { rollBack } from '../../functions/core/backups/rollback.ts';
import { takeBackup } from '../../functions/core/backups/take.ts';
import { type BucketKit, bucketKit, kitOn, PROJECT_ID } from './bucket-kit.ts';
import { treeIn } from './bucket-views.ts';

const MODE = 'goog-reserved-posix-mode';

describe('projects in buckets: backups and rollbacks', () => {
  let at: BucketKit;
  beforeEach(async () => {
    at = await bucketKit();
  });
  afterEach(() => at.close());

  it('brings back what was changed and removed, and removes what was added; and is undone by its own safety backup', async () => {
    await at.put('a', 'a', { owner: 'me' });
    await at.put('b/run', 'run', { [MODE]: '755' });
    await at.put('b/', '', { [MODE]: '700' });
    await at.put('b/deep/c', 'c');
    await at.put('empty/');
    await at.put('none');
    await at.put('link', '', { gcsfuse_symlink_target: 'a' });
    await at.put('was-file', 'x');
    await at.put('was-folder/x', 'x');
    await at.put('stays', 'stays', { [MODE]: '600' });
    const before = await at.seen();
    const backupId = await at.backup();
    const manifest = await readManifest(at.parts, PROJECT_ID, backupId);
    await at.put('a', 'changed', { owner: 'me' });
    await at.put('b/', '', { [MODE]: '711' });
    for (const path of ['b/deep/c', 'empty/', 'was-file', 'was-folder/x', 'none']) await at.remove(path);
    await at.put('was-file/in', 'x');
    await at.put('was-folder', 'y');
    await at.put('new/deep/x', 'x');
    await at.put('link', 'now a file');
    const changed = await at.seen();
    const { safety_backup_id: safety } = await at.back(backupId);
    assert.deepEqual(withoutLinks(await at.seen()), withoutLinks(before));
    assert.deepEqual(await diffWithNow(at.parts, manifest, await at.tree()), { added: [], removed: [], changed: [] });
    assert.deepEqual(await at.leftovers(), []);
    await at.back(safety);
    assert.deepEqual(await at.seen(), changed);
    assert.deepEqual(await at.leftovers(), []);
  });

  it('keeps what was ignored when the backup was taken, also in folders that came later', async () => {
    await at.put('.gitignore', 'cache/\n*.pyc\n');
    for (const path of ['a.py', 'a.pyc', 'cache/x', 'sub/b.py']) await at.put(path, 'first');
    const backupId = await at.backup();
    for (const path of ['a.pyc', 'sub/b.pyc', 'later/c.py', 'later/cache/y', 'later/c.pyc', 'gone/d.py'])
      await at.put(path, 'second');
    await at.put('later/', '', { [MODE]: '700' });
    await at.put('gone/', '', { [MODE]: '700' });
    await at.put('.gitignore', '*\n');
    await at.back(backupId);
    assert.deepEqual(await treeIn(at.bucket, 'team/project/'), {
      '.gitignore': 'file 644 cache/\n*.pyc\n',
      'a.py': 'file 644 first',
      'a.pyc': 'file 644 second',
      cache: 'folder 755',
      'cache/x': 'file 644 first',
      later: 'folder 700',
      'later/c.pyc': 'file 644 second',
      'later/cache': 'folder 755',
      'later/cache/y': 'file 644 second',
      sub: 'folder 755',
      'sub/b.py': 'file 644 first',
      'sub/b.pyc': 'file 644 second',
    });
    assert.deepEqual(await at.leftovers(), []);
  });

  it('changes nothing where what is ignored stands in the way, and names it', async () => {
    await at.put('.gitignore', 'cache/\n');
    await at.put('a', 'file');
    const backupId = await at.backup();
    await at.remove('a');
    await at.put('a/cache/x', 'x');
    const before = await at.seen();
    await assert.rejects(at.back(backupId), { code: 'ignored_in_the_way', status: 409, message: /"a\/cache"/ });
    assert.deepEqual(await at.seen(), before);
    assert.deepEqual(await at.leftovers(), []);
  });

  it('finds any flipped bit of the backup, and touches nothing', async function () {
    this.timeout(60_000);
    await at.put('a', 'a');
    await at.put('large', Buffer.alloc(5_000_000, 'xyz'));
    const backupId = await at.backup();
    await at.put('a', 'changed');
    const before = await at.seen();
    const { blobs } = await readManifest(at.parts, PROJECT_ID, backupId);
    const names = [manifestObject(PROJECT_ID, backupId), ...blobs.map(blobObject)];
    for (const name of names) {
      const bytes = (await at.parts.objects.get('backups', name)) as Buffer;
      for (const place of [0, at.parts.ids.below(bytes.length), bytes.length - 1]) {
        const flipped = Buffer.from(bytes);
        flipped[place] = (flipped[place] as number) ^ (1 << at.parts.ids.below(8));
        await at.parts.objects.put('backups', name, flipped);
        await assert.rejects(at.back(backupId), { code: 'backup_corrupt' });
      }
      await at.parts.objects.put('backups', name, bytes);
    }
    assert.deepEqual(await at.seen(), before);
    assert.deepEqual(await at.leftovers(), []);
  });

  it('reads and stores only what has changed since the last backup', async () => {
    await at.put('a', 'a');
    await at.put('b', 'b');
    await at.backup();
    await at.put('b', 'changed');
    const read: string[] = [];
    const tree = await at.tree();
    const watched = {
      ...tree,
      read: (...given: Parameters<typeof tree.read>) => {
        read.push(given[0].path);
        return tree.read(...given);
      },
    };
    const backupId = newBackupId(at.parts);
    await takeBackup(at.parts, watched, { projectId: PROJECT_ID, backupId, description: '' });
    assert.deepEqual(read, ['b']);
    const manifest = await readManifest(at.parts, PROJECT_ID, backupId);
    assert.equal(await changedSince(at.parts, manifest, tree), undefined);
    await at.put('a', 'a2');
    await at.put('c', 'c');
    await at.remove('b');
    const { added, removed, changed } = await diffWithNow(at.parts, manifest, tree);
    assert.deepEqual({ added, removed, changed }, { added: ['c'], removed: ['b'], changed: [{ path: 'a', what: ['content'] }] });
  });

  it('works on large files, in a bucket with versions, of which it leaves none of its own', async function () {
    this.timeout(60_000);
    const other = await kitOn(at.url, { versioning: true });
    const large = randomBytes(20_000_000);
    await other.put('large', large);
    await other.put('a', 'a');
    const backupId = await other.backup();
    await other.put('large', 'small');
    await other.remove('a');
    await other.back(backupId);
    const [content] = await other.bucket.file('team/project/large').download();
    assert.ok(content.equals(large));
    assert.deepEqual(await other.leftovers(), []);
    // What was there before is still to be had of the bucket itself.
    const [versions] = await other.bucket.getFiles({ prefix: 'team/project/large', versions: true });
    assert.equal(versions.length, 3);
  });

  it('works on a whole bucket, of which what rollbacks stage is no part', async () => {
    const whole = await kitOn(at.url, { prefix: '' });
    await whole.put('a', 'a');
    await whole.put('inner/b', 'b');
    const backupId = await whole.backup();
    await whole.put('a', 'changed');
    await whole.put('c', 'c');
    await whole.remove('inner/b');
    // What another rollback stages there is none of the project.
    await whole.put('.heliograph-restore/0/1/1', 'staged');
    await whole.back(backupId);
    assert.deepEqual(await treeIn(whole.bucket, ''), {
      '.heliograph-restore': 'folder 755',
      '.heliograph-restore/0': 'folder 755',
      '.heliograph-restore/0/1': 'folder 755',
      '.heliograph-restore/0/1/1': 'file 644 staged',
      a: 'file 644 a',
      inner: 'folder 755',
      'inner/b': 'file 644 b',
    });
  });

  it('brings a project back whose objects are all gone', async () => {
    await at.put('a', 'a');
    await at.put('b/c', 'c');
    const before = await at.seen();
    const backupId = await at.backup();
    await at.bucket.deleteFiles({ prefix: 'team/project/' });
    await assert.rejects(at.tree(), { code: 'project_not_found' });
    const tree = await at.parts.trees.open(at.path, { mayBeGone: true });
    await rollBack(at.parts, tree, { projectId: PROJECT_ID, backupId });
    assert.deepEqual(await at.seen(), before);
  });
});

/** A link comes back as one that newer tools know as well. */
const withoutLinks = ({ link: _, ...others }: Record<string, string>) => others;
