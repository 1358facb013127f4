import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { appendFileSync, linkSync, mkdirSync, realpathSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { hostFiles } from '../../functions/adapters/host-files.ts';
import { temporaryFolder } from '../support/folder.ts';

describe('the files of the host', () => {
  let folder: ReturnType<typeof temporaryFolder>;
  let top: string;
  let root: string;
  let outside: string;
  beforeEach(() => {
    folder = temporaryFolder();
    top = realpathSync(folder.path);
    root = join(top, 'root');
    outside = join(top, 'rootfoo');
    mkdirSync(join(root, 'in', 'deep'), { recursive: true });
    mkdirSync(join(outside, 'deep'), { recursive: true });
    writeFileSync(join(outside, 'secret'), 'secret');
    writeFileSync(join(root, 'file'), 'content');
    writeFileSync(join(root, 'in', 'deep', 'file'), 'deep');
  });
  afterEach(() => folder.remove());

  const files = (roots = [root], hidden = ['/proc', '/sys', '/dev']) => hostFiles({ roots, hidden });
  const text = async (path: string, maxBytes = 100, from = files()) => (await from.read(path, maxBytes)).bytes.toString();
  const refused = async (path: string, code: string, from = files()) => {
    await assert.rejects(from.read(path, 100), { code }, path);
    await assert.rejects(from.list(path, 100), { code }, path);
  };

  it('are read by their path, and by links that stay inside, under their real path', async () => {
    symlinkSync('in/deep', join(root, 'way'));
    symlinkSync(root, join(top, 'to-root'));
    assert.deepEqual(await files().read(join(root, 'way', 'file'), 100), {
      path: join(root, 'in', 'deep', 'file'),
      size: 4,
      bytes: Buffer.from('deep'),
    });
    assert.equal(await text(`${root}/in/../file`), 'content');
    assert.equal(await text(`${root}//file`), 'content');
    assert.equal(await text(join(root, 'file'), 100, files([join(top, 'to-root')])), 'content');
    assert.equal(await text(join(top, 'to-root', 'file')), 'content');
    assert.equal(await text(join(root, 'file'), 100, files(['/'])), 'content');
    assert.equal((await files().list(root, 100)).path, root);
  });

  it('are refused outside of the roots, without a word on what is there', async () => {
    symlinkSync(outside, join(root, 'out'));
    symlinkSync(join(outside, 'secret'), join(root, 'out-file'));
    symlinkSync('../rootfoo/secret', join(root, 'relative'));
    symlinkSync('/no/such', join(root, 'nowhere'));
    symlinkSync('/proc/self/root', join(root, 'magic'));
    for (const path of [
      ...[join(outside, 'secret'), outside, `${root}foo/nothing`, top, '/', '/etc/passwd', '/no/such/file'],
      ...[`${root}/../rootfoo/secret`, `${root}/in/../../rootfoo/secret`, `${root}/../rootfoo/nothing`],
      ...[join(root, 'out'), join(root, 'out', 'secret'), join(root, 'out', 'nothing'), join(root, 'out-file')],
      ...[join(root, 'relative'), join(root, 'nowhere'), `${root}/out/../rootfoo/secret`],
      ...[join(root, 'magic'), join(root, 'magic', 'etc', 'passwd'), '/proc/self/environ', `/proc/self/cwd`],
    ])
      await refused(path, 'outside_roots');
  });

  it('of the system and of the data folder are outside, whatever the roots are', async () => {
    const from = files(['/'], [join(root, 'in'), '/proc', '/sys', '/dev']);
    symlinkSync(join(root, 'in'), join(top, 'round'));
    for (const path of [
      ...['/proc/self/environ', '/proc/1/environ', '/proc', '/sys/kernel', '/dev/zero', '/dev/stdin'],
      ...[join(root, 'in'), join(root, 'in', 'deep', 'file'), join(top, 'round', 'deep', 'file'), join(root, 'in', 'nothing')],
    ])
      await refused(path, 'outside_roots', from);
    assert.equal(await text(join(root, 'file'), 100, from), 'content');
  });

  it('are refused by what is no absolute path', async () => {
    for (const path of ['file', './file', '', '~', `${root}/a\0b`, `${root}/\ud800`, 'file:///etc/passwd', '..'])
      await refused(path, 'path_invalid');
  });

  it('are none where there are no roots, and those of a root that is not there', async () => {
    await refused(join(root, 'file'), 'no_roots', files([]));
    await refused(join(root, 'file'), 'outside_roots', files([join(top, 'no such root')]));
  });

  it('are not there, or of another kind, inside', async () => {
    for (const path of [
      join(root, 'nothing'),
      join(root, 'nothing', 'below'),
      join(root, 'file', 'below'),
      `${root}/nothing/../../x`,
    ])
      await refused(path, 'not_found');
    await assert.rejects(files().read(root, 100), { code: 'not_a_file' });
    await assert.rejects(files().list(join(root, 'file'), 100), { code: 'not_a_folder' });
  });

  it('that are pipes, sockets and devices are shown, never opened', async () => {
    const pipe = join(root, 'pipe');
    execFileSync('mkfifo', [pipe]);
    const server = createServer().listen(join(root, 'socket'));
    await new Promise((resolve) => server.once('listening', resolve));
    try {
      for (const path of [pipe, join(root, 'socket')]) {
        await assert.rejects(files().read(path, 100), { code: 'not_a_file' });
        await assert.rejects(files().list(path, 100), { code: 'not_a_folder' });
      }
      const { entries } = await files().list(root, 100);
      assert.deepEqual(
        entries.map(({ name, kind }) => [name, kind]),
        [
          ['file', 'file'],
          ['in', 'folder'],
          ['pipe', 'special'],
          ['socket', 'special'],
        ],
      );
    } finally {
      server.close();
    }
    await assert.rejects(files(['/'], []).read('/dev/zero', 100), { code: 'not_a_file' });
  });

  it('are listed by name, literally, with sizes, as many as are wanted', async () => {
    const odd = join(root, 'odd');
    mkdirSync(odd);
    for (const name of ['two\nlines', '$(id)', '-rf', ' ', 'é', '\\', '.hidden']) writeFileSync(join(odd, name), name);
    writeFileSync(Buffer.concat([Buffer.from(`${odd}/`), Buffer.of(0xff)]), 'bytes');
    symlinkSync('/etc/passwd', join(odd, 'link'));
    const { entries, total } = await files().list(odd, 100);
    assert.deepEqual(
      entries.map(({ name }) => name),
      [' ', '$(id)', '-rf', '.hidden', '\\', 'link', 'two\nlines', 'é', '\udcff'],
    );
    assert.equal(total, 9);
    assert.deepEqual({ ...entries[5], modifiedAt: 0 }, { name: 'link', kind: 'link', modifiedAt: 0 });
    assert.deepEqual({ ...entries[6], modifiedAt: 0 }, { name: 'two\nlines', kind: 'file', size: 9, modifiedAt: 0 });
    assert.ok(Math.abs((entries[6]?.modifiedAt ?? 0) - Date.now()) < 60_000);
    assert.equal(await text(`${odd}/two\nlines`), 'two\nlines');
    assert.equal(await text(`${odd}/\udcff`), 'bytes');
    const some = await files().list(odd, 2);
    assert.deepEqual([some.entries.length, some.total], [2, 9]);
  });

  it('are read up to so many bytes, also while they grow', async () => {
    const growing = join(root, 'growing');
    writeFileSync(growing, 'x'.repeat(5_000_000));
    let isOver = false;
    const grow = () => {
      if (isOver) return;
      appendFileSync(growing, 'x'.repeat(100_000));
      setImmediate(grow);
    };
    grow();
    const { bytes } = await files().read(growing, 6_000_000);
    isOver = true;
    assert.ok(bytes.length >= 5_000_000 && bytes.length <= 6_000_000, `${bytes.length}`);
    assert.equal((await files().read(join(root, 'file'), 3)).bytes.toString(), 'con');
  });

  it('that are exchanged for links at any moment never lead out', async function () {
    this.timeout(30_000);
    writeFileSync(join(outside, 'deep', 'file'), 'secret');
    let isOver = false;
    let rounds = 0;
    const exchange = () => {
      if (isOver) return;
      rounds += 1;
      const target = rounds % 2 === 0 ? join(outside, 'secret') : undefined;
      const made = join(top, 'made');
      rmSync(made, { force: true });
      if (target === undefined) linkSync(join(root, 'file'), made);
      else symlinkSync(target, made);
      renameSync(made, join(root, 'changing'));
      // A folder on the way as well.
      rmSync(join(top, 'folder'), { force: true, recursive: true });
      if (target === undefined) mkdirSync(join(top, 'folder'));
      else symlinkSync(join(outside, 'deep'), join(top, 'folder'));
      rmSync(join(root, 'way'), { force: true, recursive: true });
      renameSync(join(top, 'folder'), join(root, 'way'));
      if (target === undefined) writeFileSync(join(root, 'way', 'file'), 'content');
      setImmediate(exchange);
    };
    exchange();
    const seen = new Set<string>();
    const end = Date.now() + 4_000;
    while (Date.now() < end) {
      for (const path of [join(root, 'changing'), join(root, 'way', 'file')])
        seen.add(await text(path).catch((error) => String(error.code)));
      const listed = await files()
        .list(join(root, 'way'), 10)
        .catch((error) => ({ path: String(error.code) }));
      assert.ok(!listed.path.startsWith(outside), listed.path);
    }
    isOver = true;
    assert.ok(rounds > 100, `${rounds} rounds`);
    assert.ok(seen.has('content') && seen.has('outside_roots'), [...seen].join());
    assert.ok(!seen.has('secret'));
    for (const one of seen) assert.ok(['', 'content', 'outside_roots', 'not_found', 'not_a_file'].includes(one), one);
  });
});
