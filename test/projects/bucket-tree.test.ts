import assert from 'node:assert/strict';
import { newVersion } from '../../emulator-bridge/storage/versions.ts';
import type { FileEntry, ProjectTree, TreeEntry } from '../../functions/core/ports.ts';
import { type BucketKit, bucketKit } from './bucket-kit.ts';

const MODE = 'goog-reserved-posix-mode';
const LINK = 'goog-reserved-file-is-symlink';
const OLD_LINK = 'gcsfuse_symlink_target';

describe('projects in buckets: what is in them', () => {
  let at: Awaited<ReturnType<typeof bucketKit>>;
  beforeEach(async () => {
    at = await bucketKit({ versioning: true });
  });
  afterEach(() => at.close());

  const all = async (tree: ProjectTree, folder = ''): Promise<TreeEntry[]> => {
    const entries = await tree.list(folder);
    const below = await Promise.all(entries.map((entry) => (entry.kind === 'folder' ? all(tree, entry.path) : [])));
    return entries.flatMap((entry, index) => [entry, ...(below[index] ?? [])]);
  };
  const shown = (entries: readonly TreeEntry[]) => entries.map((one) => ('stamp' in one ? { ...one, stamp: '' } : one));
  const drain = async (tree: ProjectTree, file: FileEntry) => {
    const pieces: Buffer[] = [];
    for await (const piece of tree.read(file)) pieces.push(piece);
    return Buffer.concat(pieces);
  };
  const fileAt = async (path: string) => {
    const tree = await at.tree();
    return { tree, file: (await tree.list('')).find((entry) => entry.path === path) as FileEntry };
  };

  it('names files, folders with and without an object, links of either kind, and modes, in order', async () => {
    await at.put('');
    await at.put('B');
    await at.put('b/run.sh', 'echo', { [MODE]: '755' });
    await at.put('b/deep/x', 'x', { [MODE]: '100600' });
    await at.put('empty/', '', { [MODE]: '2700' });
    await at.put('link', '', { [OLD_LINK]: '../../etc/passwd' });
    await at.put('link-2', 'b/run.sh', { [LINK]: 'true' });
    await at.put('no-link', 'text', { [LINK]: 'false' });
    await at.put('odd-mode', 'x', { [MODE]: 'rwxr-xr-x' });
    await at.bucket.file('team/project-2/x').save('x');
    const file = (path: string, size: number, mode = 0o644) => ({ kind: 'file', path, mode, size, stamp: '', settled: true });
    assert.deepEqual(shown(await all(await at.tree())), [
      file('B', 0),
      { kind: 'folder', path: 'b', mode: 0o755 },
      { kind: 'folder', path: 'b/deep', mode: 0o755 },
      file('b/deep/x', 1, 0o600),
      file('b/run.sh', 4, 0o755),
      { kind: 'folder', path: 'empty', mode: 0o2700 },
      { kind: 'link', path: 'link', target: '../../etc/passwd' },
      { kind: 'link', path: 'link-2', target: 'b/run.sh' },
      file('no-link', 4),
      file('odd-mode', 1),
    ]);
    assert.deepEqual(await (await at.tree()).list('nothing'), []);
  });

  it('lists folders of more objects than a page has', async () => {
    const { name: bucket } = at.bucket;
    const metadata = { contentType: 'text/plain', crc32c: 'AAAAAA==' };
    // Written at once: one by one it would take its time.
    await at.site.store.write((tables) => {
      for (let index = 0; index < 1_100; index += 1) {
        const name = `team/project/many/${index}`;
        tables.putObject(newVersion(at.site, { bucket, name, content: 'none', size: 0, fields: metadata }));
      }
    });
    const tree = await at.tree();
    assert.equal((await tree.list('many')).length, 1_100);
    assert.deepEqual(shown(await tree.list('')), [{ kind: 'folder', path: 'many', mode: 0o755 }]);
  });

  it('keeps names literally: quotes, control characters, every script, both ways to write an é', async () => {
    const names = [
      '"quoted"',
      "it's",
      ' blank ',
      'ｆｕｌｌ',
      '日本語',
      'e\u0301',
      '\u00e9',
      '😀',
      '\ufffd',
      '-rf',
      '*',
      'a\tb',
      '..a',
      '%2F',
      'a?b#c',
    ];
    for (const name of names) await at.put(name, name);
    const tree = await at.tree();
    const entries = await tree.list('');
    assert.deepEqual(new Set(entries.map(({ path }) => path)), new Set(names));
    for (const entry of entries) assert.equal(String(await drain(tree, entry as FileEntry)), entry.path);
  });

  for (const [what, name, metadata] of [
    ['a way up', '../out', {}],
    ['a way up in the middle', 'a/../../out', {}],
    ['a dot', 'a/./b', {}],
    ['a part without a name', 'a//b', {}],
    ['a slash at the beginning', '/etc/passwd', {}],
    ['a zero byte', 'a\0b', {}],
    ['a link that has content', 'link', { [OLD_LINK]: 'a' }],
    ['a folder that has content', 'folder/', {}],
    ['a link to a zero byte', 'link', { [LINK]: 'true' }],
  ] as const) {
    it(`refuses ${what}, by the object's name, wherever it lies`, async () => {
      await at.put('here', 'here');
      await at.put(name, what.includes('zero byte') ? 'a\0' : 'content', metadata);
      const named = JSON.stringify(`gs://${at.bucket.name}/team/project/`).slice(1, -1);
      await assert.rejects(all(await at.tree()), (error: { code: string; message: string }) => {
        assert.equal(error.code, 'project_unreadable');
        return error.message.includes(named);
      });
      await assert.rejects(at.backup(), { code: 'project_unreadable' });
    });
  }

  it('refuses a name that is a file and a folder at once', async () => {
    await at.put('a', 'file');
    await at.put('a/b', 'below');
    await assert.rejects((await at.tree()).list(''), { code: 'project_unreadable', message: /file and a folder/ });
  });

  it('reads in pieces, whole ones first, and an empty file as nothing', async () => {
    await at.put('x', Buffer.alloc(2_500_000, 'x'));
    await at.put('none');
    const { tree, file } = await fileAt('x');
    const sizes: number[] = [];
    for await (const bytes of tree.read(file, { pieceBytes: 1_000_000 })) sizes.push(bytes.length);
    assert.deepEqual(sizes, [1_000_000, 1_000_000, 500_000]);
    assert.equal((await drain(tree, (await fileAt('none')).file)).length, 0);
  });

  it('reads what is stored packed as it is stored', async () => {
    const { gzipSync } = await import('node:zlib');
    const packed = gzipSync('content');
    await at.bucket.file('team/project/x').save(packed, { resumable: false, metadata: { contentEncoding: 'gzip' } });
    const { tree, file } = await fileAt('x');
    assert.deepEqual(await drain(tree, file), packed);
  });

  for (const [name, change] of [
    ['has other content', (kit: BucketKit) => kit.put('x', 'y')],
    ['has been written again with the same bytes', (kit: BucketKit) => kit.put('x', 'x')],
    ['is gone', (kit: BucketKit) => kit.remove('x')],
  ] as const) {
    it(`finds that a file ${name}, also where the bucket keeps the version`, async () => {
      await at.put('x', 'x');
      const { tree, file } = await fileAt('x');
      await drain(tree, file);
      await change(at);
      await assert.rejects(drain(tree, file), { code: 'file_changed' });
      const now = (await tree.list('')).find(({ path }) => path === 'x') as FileEntry | undefined;
      assert.notEqual(now?.stamp, file.stamp);
    });
  }

  it('finds a change in the middle of the reading', async () => {
    await at.put('x', Buffer.alloc(3_000_000));
    const { tree, file } = await fileAt('x');
    const reading = tree.read(file)[Symbol.asyncIterator]();
    await reading.next();
    await at.put('x', Buffer.alloc(3_000_000, 'y'));
    await assert.rejects(
      async () => {
        while (!(await reading.next()).done);
      },
      { code: 'file_changed' },
    );
  });

  it('knows a change of the mode alone', async () => {
    await at.put('x', 'x');
    const { file } = await fileAt('x');
    await at.bucket.file('team/project/x').setMetadata({ metadata: { [MODE]: '700' } });
    const { file: now } = await fileAt('x');
    assert.equal(now.mode, 0o700);
    assert.notEqual(now.stamp, file.stamp);
  });
});
