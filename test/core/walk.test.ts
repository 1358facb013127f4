import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import fc from 'fast-check';
import { folderTree } from '../../functions/adapters/folder-tree.ts';
import { FileChanged, type ProjectTree } from '../../functions/core/ports.ts';
import { walk } from '../../functions/core/walk.ts';
import { temporaryFolder } from '../support/folder.ts';

describe('a walk', () => {
  let folder: ReturnType<typeof temporaryFolder>;
  const hasGit = (() => {
    try {
      return execFileSync('git', ['--version']).length > 0;
    } catch {
      return false;
    }
  })();
  beforeEach(() => {
    folder = temporaryFolder();
  });
  afterEach(() => folder.remove());

  function make(files: Readonly<Record<string, string>>): void {
    for (const [path, text] of Object.entries(files)) {
      mkdirSync(dirname(join(folder.path, path)), { recursive: true });
      writeFileSync(join(folder.path, path), text);
    }
  }

  async function walked(options = {}) {
    const ignored: string[] = [];
    const { entries, rules } = walk(folderTree(folder.path), { ...options, onIgnored: ({ path }) => ignored.push(path) });
    const found = (await collected(entries)).map(({ path }) => path);
    return { found, ignored, patterns: rules.patterns };
  }

  it('goes depth first, in the order of names, and leaves out what is ignored', async () => {
    make({
      '.gitignore': '# a comment\n\nout/\n*.log\n!keep.log\n',
      'a/b/c': '',
      'a.txt': '',
      'out/x/y': '',
      'a/out/z': '',
      'x.log': '',
      'keep.log': '',
      'a/.gitignore': '/c\n!x.log\nbad name\\ \n',
      'a/c': '',
      'a/x.log': '',
      'a/bad name ': '',
    });
    assert.deepEqual(await walked(), {
      found: ['.gitignore', 'a', 'a/.gitignore', 'a/b', 'a/b/c', 'a/x.log', 'a.txt', 'keep.log'],
      ignored: ['a/bad name ', 'a/c', 'a/out', 'out', 'x.log'],
      patterns: ['out/', '*.log', '!keep.log', '/a/c', '!/a/**/x.log', '/a/**/bad name\\ '],
    });
  });

  it('reads a .gitignore anew that changes meanwhile, and ends where it does not come to rest', async () => {
    make({ '.gitignore': '*.log\n', 'x.log': '', y: '' });
    const tree = folderTree(folder.path);
    const changing = (times: number): ProjectTree => ({
      ...tree,
      async *read(file) {
        times -= 1;
        if (times >= 0) throw new FileChanged('changed');
        yield* tree.read(file);
      },
    });
    const found = (await collected(walk(changing(3)).entries)).map(({ path }) => path);
    assert.deepEqual(found, ['.gitignore', 'y']);
    await assert.rejects(collected(walk(changing(4)).entries), { status: 409, code: 'file_changing' });
  });

  it('takes the rules of another time, alone', async () => {
    make({ '.gitignore': '*\n', x: '', 'y/z': '' });
    assert.deepEqual((await walked({ patterns: ['y/'], gitignore: false })).found, ['.gitignore', 'x']);
  });

  it('leaves out what git leaves out', async function () {
    if (!hasGit) this.skip();
    this.timeout(60_000);
    // Of ASCII: to git a `?` is one byte, to us one character.
    const name = fc.constantFrom('a', 'b', 'ab', 'a b', 'A', '[a]', 'x*', '!a', '#a', 'a.log', 'b.log');
    const path = fc.array(name, { minLength: 1, maxLength: 4 }).map((parts) => parts.join('/'));
    const piece = fc.constantFrom(
      'a',
      'b',
      'A',
      '*',
      '**',
      '?',
      '[ab]',
      '[!a]',
      '\\[a\\]',
      '*.log',
      'a*',
      'a b',
      '\\!a',
      '\\#a',
      'x\\*',
    );
    const pattern = fc
      .tuple(
        fc.constantFrom('', '', '!'),
        fc.constantFrom('', '', '/'),
        fc.array(piece, { minLength: 1, maxLength: 3 }),
        fc.constantFrom('', '/'),
      )
      .map(([not, from, pieces, to]) => `${not}${from}${pieces.join('/')}${to}`);
    const ignoreFile = fc.array(pattern, { maxLength: 5 }).map((lines) => lines.join('\n'));
    const project = fc.tuple(fc.array(path, { maxLength: 15 }), fc.array(fc.tuple(path, ignoreFile), { maxLength: 3 }), ignoreFile);
    await fc.assert(
      fc.asyncProperty(project, async ([paths, below, top]) => {
        folder.remove();
        mkdirSync(folder.path);
        const files: Record<string, string> = { '.gitignore': top };
        // A name is a folder or a file, not both.
        for (const one of paths) files[`${one}.f`] = '';
        for (const [one, text] of below) files[`${one}/.gitignore`] = text;
        make(files);
        execFileSync('git', ['init', '-q', folder.path], { env: { PATH: process.env.PATH, HOME: folder.path } });
        const listed = execFileSync(
          'git',
          ['-C', folder.path, '-c', 'core.quotePath=false', 'ls-files', '-z', '-co', '--exclude-standard'],
          {
            env: { PATH: process.env.PATH, HOME: folder.path },
          },
        );
        const expected = String(listed).split('\0').filter(Boolean).sort();
        const { entries } = walk(folderTree(folder.path), { into: (path) => path !== '.git' });
        const found = (await collected(entries)).filter(({ kind }) => kind === 'file').map((entry) => entry.path);
        assert.deepEqual(found.sort(), expected);
      }),
      { numRuns: 150 },
    );
  });
});

async function collected<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
}
