import assert from 'node:assert/strict';
import fc from 'fast-check';
import { diffWithNow } from '../../functions/core/backups/diff.ts';
import { readManifest } from '../../functions/core/backups/manifest.ts';
import { type BucketKit, bucketKit, PROJECT_ID } from './bucket-kit.ts';
import { treeIn } from './bucket-views.ts';

/** Names as objects have them: whatever text without a slash, a zero byte or a line break, that is neither `.` nor `..`. */
const name = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom('a', 'b', 'c', 'src', 'A', 'a.txt', 'data.bin') },
  {
    weight: 2,
    arbitrary: fc.constantFrom('é', 'e\u0301', '日本', '😀', ' ', '"', "'", '\\', '..a', '-rf', '*', '\ufffd', '%2F', 'a?b#c'),
  },
  {
    weight: 1,
    arbitrary: fc.string({ unit: 'grapheme', minLength: 1, maxLength: 20 }).map((text) => {
      const clean = text.replace(/[/\0\r\n]/g, '_').toWellFormed();
      return /^\.{0,2}$/.test(clean) ? 'dots' : clean;
    }),
  },
);
const content = fc.oneof(
  { weight: 1, arbitrary: fc.constant(Buffer.alloc(0)) },
  { weight: 6, arbitrary: fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes)) },
  { weight: 1, arbitrary: fc.nat(255).map((byte) => Buffer.alloc(1_100_000, byte)) },
);
const path = fc.array(name, { minLength: 1, maxLength: 4 }).map((parts) => parts.join('/'));
const edit = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({ kind: fc.constant('file' as const), path, content, mode: fc.constantFrom('', '755', '600', '100444') }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('folder' as const), path, mode: fc.constantFrom('', '700', '2775') }) },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('link' as const),
      path,
      target: fc.constantFrom('a', '../b', '/etc/passwd', 'nowhere', '.', 'é'),
      isStandard: fc.boolean(),
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('remove' as const), path }) },
);
type Edit = typeof edit extends fc.Arbitrary<infer T> ? T : never;

/** Edits as one who knows what a tree is: nothing is put below a file, nor a file in place of a folder that has something in it. */
async function apply(at: BucketKit, edits: readonly Edit[]): Promise<void> {
  for (const one of edits) {
    const there = await treeIn(at.bucket, 'team/project/');
    const isFolder = (place: string) => there[place]?.startsWith('folder') ?? true;
    const parts = one.path.split('/');
    const folders = parts.slice(1).map((_, index) => parts.slice(0, index + 1).join('/'));
    if (!folders.every(isFolder)) continue;
    const below = Object.keys(there).filter((place) => place.startsWith(`${one.path}/`));
    if (one.kind === 'remove') await at.bucket.deleteFiles({ prefix: `team/project/${one.path}/` });
    else if (one.kind === 'folder' ? !isFolder(one.path) : below.length > 0) continue;
    if (one.kind !== 'folder') await at.bucket.file(`team/project/${one.path}/`).delete({ ignoreNotFound: true });
    const mode: Record<string, string> = 'mode' in one && one.mode !== '' ? { 'goog-reserved-posix-mode': one.mode } : {};
    if (one.kind === 'remove') await at.bucket.file(`team/project/${one.path}`).delete({ ignoreNotFound: true });
    if (one.kind === 'folder') await at.put(`${one.path}/`, '', mode);
    if (one.kind === 'file') await at.put(one.path, one.content, mode);
    if (one.kind === 'link' && one.isStandard) await at.put(one.path, one.target, { 'goog-reserved-file-is-symlink': 'true' });
    if (one.kind === 'link' && !one.isStandard) await at.put(one.path, '', { gcsfuse_symlink_target: one.target });
  }
}

/** Backup, random edits, rollback: the same names, kinds, bytes, modes and targets; and back again by the safety backup. */
export async function rollBackRandomBuckets(runs: number, seed?: number): Promise<{ readonly entries: number }> {
  const counts = { entries: 0 };
  const at = await bucketKit({ leaseMs: 60_000 });
  const scenario = fc.record({
    tree: fc.array(edit, { minLength: 1, maxLength: 20, size: 'max' }),
    edits: fc.array(edit, { maxLength: 10, size: 'max' }),
  });
  const modes = (tree: Record<string, string>) =>
    Object.fromEntries(Object.entries(tree).map(([at, what]) => [at, what.replace(/^(file|folder) 100/, '$1 ')]));
  try {
    await fc.assert(
      fc.asyncProperty(scenario, async ({ tree, edits }) => {
        await at.bucket.deleteFiles({ prefix: 'team/project/' });
        // So that there is a project, whatever else goes.
        await at.put('always', 'here');
        await apply(at, tree);
        const before = await treeIn(at.bucket, 'team/project/');
        const backupId = await at.backup({ patterns: [] });
        await apply(at, edits);
        await at.put('always', 'here');
        const after = await treeIn(at.bucket, 'team/project/');
        const { safety_backup_id: safety } = await at.back(backupId);
        assert.deepEqual(modes(await treeIn(at.bucket, 'team/project/')), modes(before));
        const manifest = await readManifest(at.parts, PROJECT_ID, backupId);
        assert.deepEqual(await diffWithNow(at.parts, manifest, await at.tree()), { added: [], removed: [], changed: [] });
        await at.back(safety);
        assert.deepEqual(modes(await treeIn(at.bucket, 'team/project/')), modes(after));
        assert.deepEqual(await at.leftovers(), []);
        counts.entries += Object.keys(before).length;
      }),
      { numRuns: runs, seed },
    );
    return counts;
  } finally {
    await at.close();
  }
}
