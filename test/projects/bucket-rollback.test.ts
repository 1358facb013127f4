import assert from 'node:assert/strict';
import { diffWithNow } from '../../functions/core/backups/diff.ts';
import { readManifest } from '../../functions/core/backups/manifest.ts';
import { type BucketKit, bucketKit, PROJECT_ID } from './bucket-kit.ts';

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
});

/** A link comes back as one that newer tools know as well. */
const withoutLinks = ({ link: _, ...others }: Record<string, string>) => others;
