import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { appendFileSync, chmodSync, mkdirSync, renameSync, rmSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { folderTree, folderTrees } from '../../functions/adapters/folder-tree.ts';
import type { FileEntry, ProjectTree, TreeEntry } from '../../functions/core/ports.ts';
import { temporaryFolder } from '../support/folder.ts';

describe('project trees: folders', () => {
  let folder: ReturnType<typeof temporaryFolder>;
  let root: string;
  let project: string;
  beforeEach(() => {
    folder = temporaryFolder();
    root = join(folder.path, 'root');
    project = join(root, 'project');
    mkdirSync(project, { recursive: true });
  });
  afterEach(() => folder.remove());

  describe('opening', () => {
    const open = (path: string, roots = [root]) => folderTrees({ roots, state: join(folder.path, 'state') }).open(path);

    it('takes a folder inside a root, and gives the same path for every way to it', async () => {
      symlinkSync(project, join(root, 'way'));
      symlinkSync(root, join(folder.path, 'to-root'));
      for (const path of [project, `${project}/`, join(root, 'way'), `${root}/x/../project`.replace('/x/..', '/project/..')]) {
        assert.equal((await open(path)).projectPath, project);
      }
      assert.equal((await open(join(folder.path, 'to-root', 'project'), [join(folder.path, 'to-root')])).projectPath, project);
    });

    for (const [name, make] of [
      ['a folder beside it', () => join(folder.path, 'other')],
      ['one whose name begins as the root does', () => `${root}-2`],
      ['the folder above', () => folder.path],
      ['a way out by dots', () => `${project}/../../other`],
      ['a link that leads out', () => join(root, 'out')],
      ['a folder below a link that leads out', () => join(root, 'out', 'deep')],
      ['the system', () => '/etc'],
      ['what is not there, outside', () => '/no/such/folder'],
      ['what is not there, behind a link that leads out', () => join(root, 'out', 'nothing')],
      ['a link to nowhere', () => join(root, 'nowhere')],
    ] as const) {
      it(`refuses ${name}, without a word on what is there`, async () => {
        mkdirSync(join(folder.path, 'other', 'deep'), { recursive: true });
        mkdirSync(`${root}-2`);
        symlinkSync(join(folder.path, 'other'), join(root, 'out'));
        symlinkSync('/no/such/folder', join(root, 'nowhere'));
        await assert.rejects(open(make()), { code: 'outside_roots', status: 403 });
      });
    }

    for (const path of ['project', './project', '', 'a\0b', '/a\0b', '\ud800']) {
      it(`refuses ${JSON.stringify(path)}, which is no path`, () =>
        assert.rejects(open(path), { code: 'project_path_invalid', status: 422 }));
    }

    it('says that there is no such folder, for a file too, and that no folder may hold projects', async () => {
      writeFileSync(join(root, 'file'), '');
      await assert.rejects(open(join(root, 'nothing')), { code: 'project_not_found', status: 404 });
      await assert.rejects(open(join(root, 'file')), { code: 'project_not_found', status: 404 });
      await assert.rejects(open(project, []), { code: 'outside_roots', message: /ORCHESTRATOR_PROJECT_ROOTS/ });
      await assert.rejects(open(project, [join(folder.path, 'no-root')]), { code: 'outside_roots' });
    });
  });

  describe('what is in it', () => {
    const all = async (tree: ProjectTree, at = ''): Promise<TreeEntry[]> => {
      const entries = await tree.list(at);
      const below = await Promise.all(entries.map((entry) => (entry.kind === 'folder' ? all(tree, entry.path) : [])));
      return entries.flatMap((entry, index) => [entry, ...(below[index] ?? [])]);
    };
    const contentOf = async (tree: ProjectTree, path: string) => {
      const file = (await all(tree)).find((entry) => entry.path === path) as FileEntry;
      const pieces: Buffer[] = [];
      for await (const bytes of tree.read(file)) pieces.push(bytes);
      return Buffer.concat(pieces);
    };

    it('names files, empty folders, links and modes, in order', async () => {
      mkdirSync(join(project, 'empty'), { mode: 0o700 });
      mkdirSync(join(project, 'b'));
      writeFileSync(join(project, 'b', 'run.sh'), 'echo', { mode: 0o755 });
      writeFileSync(join(project, 'B'), '');
      chmodSync(join(project, 'b'), 0o2755);
      symlinkSync('../../etc/passwd', join(project, 'link'));
      const entries = (await all(folderTree(project))).map((entry) => ({ ...entry, stamp: undefined, settled: undefined }));
      assert.deepEqual(JSON.parse(JSON.stringify(entries)), [
        { kind: 'file', path: 'B', mode: 0o644, size: 0 },
        { kind: 'folder', path: 'b', mode: 0o2755 },
        { kind: 'file', path: 'b/run.sh', mode: 0o755, size: 4 },
        { kind: 'folder', path: 'empty', mode: 0o700 },
        { kind: 'link', path: 'link', target: '../../etc/passwd' },
      ]);
    });

    it('keeps names literally: newlines, quotes, every script, both ways to write an é, and bytes that are not UTF-8', async () => {
      const names = ['a\nb', '"quoted"', "it's", ' blank ', 'ｆｕｌｌ', '日本語', 'e\u0301', '\u00e9', '😀', '\ufffd', '-rf', '*'];
      for (const name of names) writeFileSync(join(project, name), name);
      const raw = Buffer.concat([Buffer.from(`${project}/`), Buffer.from([0x66, 0xff, 0xc3, 0x28, 0xed, 0xa0, 0x80])]);
      writeFileSync(raw, 'raw');
      const tree = folderTree(project);
      const found = (await all(tree)).map(({ path }) => path);
      const odd = 'f\udcff\udcc3(\udced\udca0\udc80';
      assert.deepEqual(new Set(found), new Set([...names, odd]));
      for (const name of names) assert.equal(String(await contentOf(tree, name)), name);
      assert.equal(String(await contentOf(tree, JSON.parse(JSON.stringify(odd)))), 'raw');
    });

    it('reads in pieces, whole ones first', async () => {
      writeFileSync(join(project, 'x'), Buffer.alloc(2_500_000, 'x'));
      const tree = folderTree(project);
      const [file] = (await tree.list('')) as [FileEntry];
      const sizes: number[] = [];
      for await (const bytes of tree.read(file, { pieceBytes: 1_000_000 })) sizes.push(bytes.length);
      assert.deepEqual(sizes, [1_000_000, 1_000_000, 500_000]);
    });

    it('names pipes, sockets and devices, and reads none', async () => {
      execFileSync('mkfifo', [join(project, 'pipe')]);
      const server = createServer().listen(join(project, 'socket'));
      await new Promise((resolve) => server.once('listening', resolve));
      try {
        const tree = folderTree(project);
        assert.deepEqual(await tree.list(''), [
          { kind: 'special', path: 'pipe' },
          { kind: 'special', path: 'socket' },
        ]);
        const file: FileEntry = { kind: 'file', path: 'pipe', mode: 0, size: 5, stamp: '', settled: true };
        await assert.rejects(tree.read(file)[Symbol.asyncIterator]().next(), { code: 'file_changed' });
      } finally {
        server.close();
      }
    });
  });

  describe('what changes meanwhile', () => {
    const listed = async (path: string) => {
      const tree = folderTree(project);
      return { tree, file: (await tree.list('')).find((entry) => entry.path === path) as FileEntry };
    };
    const drain = async (tree: ProjectTree, file: FileEntry) => {
      for await (const _ of tree.read(file));
    };

    for (const [name, change] of [
      ['grew', (path: string) => appendFileSync(path, 'more')],
      ['has other content of the same size', (path: string) => writeFileSync(path, 'y')],
      [
        'has other content and its old time',
        (path: string) => {
          writeFileSync(path, 'y');
          utimesSync(path, 1, 1);
        },
      ],
      [
        'is another file',
        (path: string) => {
          writeFileSync(`${path}2`, 'x');
          renameSync(`${path}2`, path);
        },
      ],
      ['is gone', (path: string) => rmSync(path)],
      [
        'is a link now',
        (path: string) => {
          rmSync(path);
          symlinkSync('/etc/hostname', path);
        },
      ],
      [
        'is a folder now',
        (path: string) => {
          rmSync(path);
          mkdirSync(path);
        },
      ],
    ] as const) {
      it(`finds that a file ${name}`, async () => {
        writeFileSync(join(project, 'x'), 'x');
        utimesSync(join(project, 'x'), 1, 1);
        const { tree, file } = await listed('x');
        await drain(tree, file);
        change(join(project, 'x'));
        await assert.rejects(drain(tree, file), { code: 'file_changed' });
      });
    }

    it('finds a change in the middle of the reading', async () => {
      writeFileSync(join(project, 'x'), Buffer.alloc(3_000_000));
      const { tree, file } = await listed('x');
      const reading = tree.read(file)[Symbol.asyncIterator]();
      await reading.next();
      writeFileSync(join(project, 'x'), Buffer.alloc(3_000_000, 'y'));
      await assert.rejects(
        async () => {
          while (!(await reading.next()).done);
        },
        { code: 'file_changed' },
      );
    });

    it('reads nothing through a folder that was exchanged for a link', async () => {
      const outside = join(folder.path, 'outside');
      for (const place of [outside, join(project, 'deep')]) {
        mkdirSync(place);
        writeFileSync(join(place, 'x'), 'x');
      }
      const tree = folderTree(project);
      const [file] = (await tree.list('deep')) as [FileEntry];
      renameSync(join(project, 'deep'), join(folder.path, 'was'));
      symlinkSync(outside, join(project, 'deep'));
      assert.deepEqual(await tree.list('deep'), []);
      await assert.rejects(drain(tree, file), { code: 'file_changed' });
    });

    it('trusts no file that changed a moment ago', async () => {
      writeFileSync(join(project, 'x'), 'x');
      assert.equal((await listed('x')).file.settled, false);
      assert.equal(
        (await folderTree('/usr').list('bin')).some((entry) => entry.kind === 'file' && entry.settled),
        true,
      );
    });
  });
});
