import assert from 'node:assert/strict';
import { ftruncateSync, mkdirSync, openSync, rmSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { folderTree } from '../../functions/adapters/folder-tree.ts';
import { Problem } from '../../functions/core/errors.ts';
import { FileChanged, type ProjectTree } from '../../functions/core/ports.ts';
import { dependencyMap } from '../../functions/projects/dependency-map/dependency-map.ts';
import { mapView, summaryView } from '../../functions/projects/dependency-map/views.ts';
import { temporaryFolder } from '../support/folder.ts';
import { CLOCK, importsOf, LIMITS, mapOf, memoryTree } from './memory-tree.ts';

const deep = 100_000;
/** A multiple of what they take on an idle machine; without a bound of its own each would take hours, or all memory. */
const SOON_MS = 20_000;

describe('a project that means harm', function () {
  this.timeout(60_000);

  const texts: [name: string, text: string][] = [
    ['brackets that open', '('.repeat(deep)],
    ['brackets within each other', `x = ${'['.repeat(deep)}${']'.repeat(deep)}\n`],
    ['templates within each other', '`${'.repeat(deep)],
    ['text that takes a reader of types twice as long with each level', `${'<T>('.repeat(200)}1${')'.repeat(200)}\n`],
    ['functions in the defaults of functions', `${'(a=('.repeat(2_000)}1${')=>1)'.repeat(2_000)}\n`],
    ['conditions within each other', `${'a?(b):'.repeat(5_000)}c\n`],
    ['operators without an end', 'a<b<'.repeat(50_000)],
    ['blocks within each other', Array.from({ length: 1_000 }, (_, level) => `${' '.repeat(level)}if x:\n`).join('')],
    ['strings that are never closed', `${'f"{'.repeat(50_000)}\n${"'".repeat(50_001)}`],
    ['a name without an end', `import ${'a.'.repeat(deep)}b\n`],
    ['half characters and no characters', '\ud800\u0000\uffff import x\n'],
  ];
  for (const [name, text] of texts) {
    for (const file of ['m.py', 'm.ts', 'm.js']) {
      it(`by ${name} in ${file} keeps its other modules`, async () => {
        const started = Date.now();
        const map = await mapOf({ 'a.py': 'import b\n', 'b.py': '', 'c.ts': "import './d';\n", 'd.ts': '', [file]: text });
        const found = importsOf(map);
        assert.deepEqual([found.a, found['c.ts']], [['b'], ['d.ts']]);
        assert.ok(Date.now() - started < SOON_MS);
      });
    }
  }

  it('by depth has the file left out: the parsers have a stack of their own', async () => {
    const map = await mapOf({
      'a.tsx': `${'<T>('.repeat(5_000)}\n`,
      'b.py': `x = ${'['.repeat(501)}${']'.repeat(501)}\n`,
      'c.py': 'x = "((("\n',
    });
    assert.deepEqual(map.skipped, [
      { path: 'a.tsx', reason: 'is nested too deeply' },
      { path: 'b.py', reason: 'is nested too deeply' },
    ]);
  });

  it('by a file of 50 MB has it left out, unread', async () => {
    const folder = temporaryFolder();
    try {
      const file = openSync(join(folder.path, 'large.py'), 'w');
      writeSync(file, 'import a\n');
      ftruncateSync(file, 50_000_000);
      writeFileSync(join(folder.path, 'a.py'), '');
      const inner = folderTree(folder.path);
      const read: string[] = [];
      const tree: ProjectTree = {
        ...inner,
        read(entry, options) {
          read.push(entry.path);
          return inner.read(entry, options);
        },
      };
      const map = await dependencyMap(tree, LIMITS, CLOCK);
      assert.deepEqual([[...map.modules.keys()], read], [['a'], ['a.py']]);
      assert.deepEqual(map.skipped, [{ path: 'large.py', reason: 'is larger than 2097152 bytes' }]);
    } finally {
      folder.remove();
    }
  });

  it('by 10,000 modules that import each other is mapped', async () => {
    const count = 10_000;
    const files = Object.fromEntries(
      Array.from({ length: count }, (_, n) => [`p${n % 100}/m${n}.py`, `from p${(n + 1) % 100} import m${(n + 1) % count}\n`]),
    );
    const { modules, imports, cycles } = summaryView(await mapOf(files));
    assert.deepEqual([modules, imports, cycles.length, cycles[0]?.modules.length], [count, count, 1, count]);
  });

  it('by names that mean something elsewhere shows them as names', async () => {
    const names = ['__proto__', 'constructor', 'toString', 'a b', 'it"s', 'new\nline', '<b>', '\udc80'];
    const map = await mapOf({
      ...Object.fromEntries(names.map((name) => [`${name}.py`, ''])),
      'm.py': 'import __proto__, constructor, toString, hasOwnProperty, valueOf\n',
      'tsconfig.json': '{"compilerOptions": {"paths": {"__proto__": ["./t.ts"], "*": ["./*"]}}}',
      't.ts': "import '__proto__';\nimport 'constructor';\nimport './hasOwnProperty';\nimport '#toString';\n",
    });
    const view = mapView(map);
    assert.deepEqual(Object.keys(view).sort(), [...names, 'm', 't.ts'].sort());
    assert.deepEqual(view.m?.imports, ['__proto__', 'constructor', 'toString']);
    assert.deepEqual(JSON.parse(JSON.stringify(view)).m, { ...view.m });
    assert.deepEqual(view['t.ts']?.imports, []);
  });

  it('by rules that take hours to match has those left out, with the reason', async () => {
    const rule = '*a*a*a*a*a*a*a*a*a*a*b';
    const map = await mapOf({ '.gitignore': `${rule}\nx.py\n`, [`${'a'.repeat(200)}.py`]: '', 'x.py': '', 'y.py': '' });
    assert.deepEqual([...map.modules.keys()].sort(), ['a'.repeat(200), 'y']);
    assert.deepEqual(map.skipped, [{ path: '.gitignore', reason: `has a line with too many wildcards: ${rule}` }]);
  });

  it('by configurations without an end is mapped without them', async () => {
    const map = await mapOf({
      'tsconfig.json': `${'{"compilerOptions":'.repeat(20_000)}1${'}'.repeat(20_000)}`,
      'package.json': `{"name": "x", "exports": ${'['.repeat(50_000)}${']'.repeat(50_000)}}`,
      'a/tsconfig.json': '{"extends": ["./b.json", "./tsconfig.json"]}',
      'a/b.json': '{"extends": ["./tsconfig.json", "./b.json"]}',
      'a/m.ts': "import './n';\nimport 'x';\n",
      'a/n.ts': '',
    });
    assert.deepEqual(map.modules.get('a/m.ts')?.imports, ['a/n.ts']);
  });

  it('by a file that is never the same, or may not be read, has it left out', async () => {
    const inner = memoryTree({ 'a.py': 'import b\n', 'b.py': '', 'c.py': 'import b\n' });
    const tree: ProjectTree = {
      ...inner,
      async *read(file) {
        if (file.path === 'c.py') throw new FileChanged('changed');
        yield* inner.read(file);
      },
    };
    const map = await dependencyMap(tree, LIMITS, CLOCK);
    assert.deepEqual(importsOf(map), { a: ['b'], b: [] });
    assert.deepEqual(map.skipped, [{ path: 'c.py', reason: 'changes while it is read' }]);
  });

  it('by rules or a configuration that are never the same is mapped without them', async () => {
    const inner = memoryTree({ '.gitignore': 'x.ts\n', 'tsconfig.json': '{}', 'a.ts': "import './x';\n", 'x.ts': '' });
    const tree: ProjectTree = {
      ...inner,
      async *read(file) {
        if (!file.path.endsWith('.ts')) throw new FileChanged('changed');
        yield* inner.read(file);
      },
    };
    const map = await dependencyMap(tree, LIMITS, CLOCK);
    assert.deepEqual(map.modules.get('a.ts')?.imports, ['x.ts']);
    assert.deepEqual(map.skipped, [
      { path: '.gitignore', reason: 'changes while it is read' },
      { path: 'tsconfig.json', reason: 'changes while it is read' },
    ]);
  });

  for (const [status, code] of [
    [409, 'project_changed'],
    [503, 'objects_unavailable'],
  ] as const) {
    it(`by a tree that is ${code} below its top is refused: it would look nearly empty`, async () => {
      const inner = memoryTree({ 'a.py': 'import b\n', 'b/c.py': '' });
      const tree: ProjectTree = {
        ...inner,
        async list(folder) {
          if (folder !== '') throw new Problem(status, code, 'Not now.');
          return inner.list(folder);
        },
      };
      await assert.rejects(dependencyMap(tree, LIMITS, CLOCK), { status, code });
    });
  }

  it('by a folder that may not be looked into keeps the rest', async function () {
    if (process.getuid?.() === 0) this.skip();
    const folder = temporaryFolder();
    try {
      writeFileSync(join(folder.path, 'a.py'), '');
      mkdirSync(join(folder.path, 'closed'), { mode: 0o000 });
      const map = await dependencyMap(folderTree(folder.path), LIMITS, CLOCK);
      assert.deepEqual([[...map.modules.keys()], map.skipped], [['a'], [{ path: 'closed', reason: 'cannot be read' }]]);
    } finally {
      rmSync(join(folder.path, 'closed'), { recursive: true });
      folder.remove();
    }
  });

  it('by its size is refused', async () => {
    const files = { 'a.py': 'x = 1\n', 'b.py': 'y = 2\n', 'c.py': '' };
    await assert.rejects(dependencyMap(memoryTree(files), { ...LIMITS, files: 2 }, CLOCK), {
      status: 413,
      code: 'project_too_large',
    });
    await assert.rejects(dependencyMap(memoryTree(files), { ...LIMITS, bytes: 11 }, CLOCK), {
      status: 413,
      code: 'project_too_large',
    });
    assert.equal((await dependencyMap(memoryTree(files), { ...LIMITS, files: 3, bytes: 12 }, CLOCK)).modules.size, 3);
  });

  it('by the time that it takes is put off, and is done when asked again', async () => {
    const filesOf = (what: string) =>
      Object.fromEntries(Array.from({ length: 40 }, (_, n) => [`m${n}.py`, `# ${n} of ${what}\n${'x = [1, 2]\n'.repeat(500)}`]));
    let now = 0;
    // Each look at the clock is a step, and there are many while it parses.
    const clock = { now: () => now++ };
    await dependencyMap(memoryTree(filesOf('what is measured')), { ...LIMITS, ms: 1e9 }, clock);
    const limits = { ...LIMITS, ms: Math.floor(now / 2) };
    const files = filesOf('what is put off');
    await assert.rejects(dependencyMap(memoryTree(files), limits, clock), {
      status: 503,
      code: 'dependency_map_unfinished',
      retryAfterSeconds: 1,
    });
    for (let tries = 1; ; tries += 1) {
      const map = await dependencyMap(memoryTree(files), limits, clock).catch(() => undefined);
      if (map?.modules.size === 40) return;
      assert.ok(tries < 4, 'what was parsed is not remembered');
    }
  });
});
