import assert from 'node:assert/strict';
import { mapView, summaryView } from '../../functions/projects/dependency-map/views.ts';
import { importsOf, mapOf } from './memory-tree.ts';

type Files = Readonly<Record<string, string>>;

/** A package with a name for everything that an import may mean. */
const shop: Files = {
  'shop/__init__.py': '',
  'shop/a.py': '',
  'shop/abc.py': '',
  'shop/b/__init__.py': 'VALUE = 1\n',
  'shop/b/c.py': '',
  'shop/b/deep/d.py': '',
  'space/one.py': '',
  'top.py': '',
};

describe('the imports of a Python module', () => {
  const rows: [name: string, path: string, text: string, imports: string[]][] = [
    ['nothing', 'm.py', 'x = 1\n', []],
    ['a module', 'm.py', 'import top\n', ['top']],
    ['what is no part of the project', 'm.py', 'import os, json.decoder\nfrom typing import Any\n', []],
    ['a dotted module: the most specific, not the packages around it', 'm.py', 'import shop.b.c\n', ['shop.b.c']],
    ['several in one statement', 'm.py', 'import top, shop.a as x, shop.b\n', ['shop.a', 'shop.b', 'top']],
    ['no module whose name only begins alike', 'm.py', 'import shop.ab\nimport shop.abc\nimport to\n', ['shop', 'shop.abc']],
    ['a module out of a package', 'm.py', 'from shop import a\n', ['shop.a']],
    ['an attribute of a package', 'm.py', 'from shop.b import VALUE\n', ['shop.b']],
    ['both at once', 'm.py', 'from shop.b import (\n  VALUE,\n  c as d, # one\n)\n', ['shop.b', 'shop.b.c']],
    ['an attribute of a module', 'm.py', 'from shop.a import thing\n', ['shop.a']],
    ['everything of a package', 'm.py', 'from shop.b import *\n', ['shop.b']],
    ['a sibling', 'shop/m.py', 'from . import a\n', ['shop.a']],
    ['an attribute of its own package', 'shop/m.py', 'from . import VERSION\n', ['shop']],
    ['a sibling’s attribute', 'shop/m.py', 'from .a import thing\n', ['shop.a']],
    ['something two packages up', 'shop/b/m.py', 'from .. import a\nfrom ..abc import x\n', ['shop.a', 'shop.abc']],
    ['three dots, with blanks', 'shop/b/deep/m.py', 'from . . . a import x\nfrom ... import abc\n', ['shop.a', 'shop.abc']],
    ['past the project', 'shop/m.py', 'from .... import a\nfrom ...a import b\n', []],
    ['a package’s own module, from its __init__', 'shop/x/__init__.py', 'from .y import z\nfrom . import y\n', []],
    ['what its __init__ re-exports', 'shop/b/__init__.py', 'from .c import thing\nfrom ..a import other\n', ['shop.a', 'shop.b.c']],
    ['itself: not at all', 'm.py', 'import m\nfrom m import x\n', []],
    ['a module of a namespace package', 'm.py', 'import space.one\nfrom shop.b.deep import d\n', ['shop.b.deep.d', 'space.one']],
    ['a namespace package itself, which is no module', 'm.py', 'import space\nfrom space import none\n', []],
    ['something below a module, which cannot be', 'm.py', 'import top.missing\nfrom shop.a.x import y\n', []],
    ['what is in a package but no source', 'm.py', 'import shop.b.native\n', ['shop.b']],
    [
      'under a condition',
      'm.py',
      'if x:\n  import top\nelif y: import shop.a\nelse:\n  from shop import abc\n',
      ['shop.a', 'shop.abc', 'top'],
    ],
    [
      'where it may fail',
      'm.py',
      'try:\n  import top\nexcept ImportError:\n  top = None\nfinally:\n  import shop.a\n',
      ['shop.a', 'top'],
    ],
    [
      'in every other block',
      'm.py',
      'try:\n  pass\nexcept* E:\n  import top\nelse:\n  with x: import shop.a\nfor x in y:\n  import shop.b\nelse:\n  while x:\n    @d\n    def f(): import shop.abc\n',
      ['shop.a', 'shop.abc', 'shop.b', 'top'],
    ],
    ['in a function', 'm.py', 'def f():\n  async def g():\n    class C:\n      import top\n', ['top']],
    ['in the arms of a match', 'm.py', 'match x:\n  case [1, *_]:\n    import top\n  case _: import shop.a\n', ['shop.a', 'top']],
    ['on a continued line, and after a semicolon', 'm.py', 'x = 1; import \\\n  shop . a; import top\n', ['shop.a', 'top']],
    ['no text and no comment', 'm.py', '# import top\nx = """\nimport top\n"""\ny = "import top"\n', []],
    ['no future', 'm.py', 'from __future__ import annotations\n', []],
    ['after syntax that the language got later', 'm.py', 'type X[T] = list[T]\nx = f"{"a"}"\nimport top\n', ['top']],
    ['with a bare yield and a number that ends in its point', 'm.py', 'def f():\n  yield\nx = 20./3\nimport top\n', ['top']],
    ['with an expression that looks like the print of Python 2', 'm.py', 'import top\nprint >> f, x\nprint -1\n', ['top']],
    ['without an end of line', 'm.py', 'import top', ['top']],
    ['with the other ends of line', 'm.py', 'if x:\r\n  import top\r\n', ['top']],
    ['a name in another spelling of the same letters', 'm.py', 'import ﬁne\n', ['fine']],
  ];
  for (const [name, path, text, imports] of rows) {
    it(name, async () => {
      const map = await mapOf({ ...shop, 'fine.py': '', [path]: text });
      const module = [...map.modules.values()].find((one) => one.path === path);
      const wanted = path === 'shop/x/__init__.py' ? [] : imports;
      assert.deepEqual(module?.imports, wanted);
      assert.deepEqual(map.skipped, []);
    });
  }

  it('from a package’s __init__ include what is beside it', async () => {
    const map = await mapOf({ ...shop, 'shop/x/__init__.py': 'from .y import z\nfrom . import y, other\n', 'shop/x/y.py': '' });
    assert.deepEqual(map.modules.get('shop.x')?.imports, ['shop.x.y']);
  });

  const refused: [string, string | Buffer, string][] = [
    ['a syntax error', 'import top\ndef (:\n', 'has a syntax error'],
    ['the language that it was', 'import top\nprint "hello"\n', 'is not Python 3'],
    ['a null', 'import top\n\0\n', 'is not in the encoding that it declares'],
    ['bytes that are no UTF-8', Buffer.from('import top\n# caf\xe9\n', 'latin1'), 'is not in the encoding that it declares'],
    ['an encoding that there is not', '# coding: klingon\nimport top\n', 'is not in the encoding that it declares'],
  ];
  for (const [name, text, reason] of refused) {
    it(`are none where there is ${name}, and that is said`, async () => {
      const map = await mapOf({ 'top.py': '', 'm.py': text });
      assert.deepEqual(importsOf(map), { m: [], top: [] });
      assert.deepEqual(map.skipped, [{ path: 'm.py', reason }]);
    });
  }

  it('are found in the encoding that it declares', async () => {
    const text = Buffer.from('#!/usr/bin/python\n# -*- coding: latin-1 -*-\nimport top # caf\xe9\n', 'latin1');
    assert.deepEqual(importsOf(await mapOf({ 'top.py': '', 'm.py': text })), { m: ['top'], top: [] });
    assert.deepEqual(importsOf(await mapOf({ 'top.py': '', 'm.py': '\ufeffimport top\n' })), { m: ['top'], top: [] });
  });
});

describe('the names of Python’s modules', () => {
  it('begin with the folder’s own name where it is a package', async () => {
    const files = { '__init__.py': '', 'a.py': 'import shop.b.c\nimport b.c\nfrom .b import c\n', 'b/c.py': 'from .. import a\n' };
    assert.deepEqual(importsOf(await mapOf(files, '/projects/shop')), { shop: [], 'shop.a': ['shop.b.c'], 'shop.b.c': ['shop.a'] });
  });

  it('are those that they are imported by where their packages are in src', async () => {
    const files = {
      'src/shop/__init__.py': '',
      'src/shop/a.py': 'import shop.b\n',
      'src/shop/b.py': '',
      'tests/t.py': 'from shop import a\n',
    };
    const found = importsOf(await mapOf(files));
    assert.deepEqual(found['src.shop.a'], ['src.shop.b']);
    assert.deepEqual(found['tests.t'], ['src.shop.a']);
  });

  it('are one to a name: a package comes before a module, as Python finds them', async () => {
    const map = await mapOf({ 'a.py': 'import z\n', 'a/__init__.py': '', 'z.py': 'import a\n', 'b.c.py': '', 'b/c.py': '' });
    assert.equal(map.modules.get('a')?.path, 'a/__init__.py');
    assert.equal(map.modules.get('b.c')?.path, 'b/c.py');
    assert.deepEqual(map.skipped, [
      { path: 'a.py', reason: 'has the same name, a, as a/__init__.py' },
      { path: 'b.c.py', reason: 'has the same name, b.c, as b/c.py' },
    ]);
  });
});

describe('a map', () => {
  const files: Files = {
    'app.py': 'import core, helpers\n',
    'job.py': 'import core\n',
    'core.py': 'import helpers\n',
    'helpers.py': '',
    'alone.py': 'import os\n',
    'x.py': 'import y\n',
    'y.py': 'import z\n',
    'z.py': 'import x, core\n',
    'broken.py': 'import core\n)\n',
  };

  it('has the documented shape', async () => {
    assert.deepEqual(JSON.parse(JSON.stringify(mapView(await mapOf(files)))), {
      alone: { path: 'alone.py', imports: [], is_isolated: true, is_shared: false },
      app: { path: 'app.py', imports: ['core', 'helpers'], is_isolated: false, is_shared: false },
      broken: { path: 'broken.py', imports: [], is_isolated: true, is_shared: false },
      core: { path: 'core.py', imports: ['helpers'], is_isolated: false, is_shared: true },
      helpers: { path: 'helpers.py', imports: [], is_isolated: false, is_shared: true },
      job: { path: 'job.py', imports: ['core'], is_isolated: false, is_shared: false },
      x: { path: 'x.py', imports: ['y'], is_isolated: false, is_shared: false },
      y: { path: 'y.py', imports: ['z'], is_isolated: false, is_shared: false },
      z: { path: 'z.py', imports: ['core', 'x'], is_isolated: false, is_shared: false },
    });
  });

  it('is summed up: roots, leaves, cycles, and what was left out', async () => {
    assert.deepEqual(summaryView(await mapOf(files)), {
      modules: 9,
      imports: 8,
      roots: ['app', 'job'],
      leaves: ['helpers'],
      isolated: ['alone', 'broken'],
      shared: ['core', 'helpers'],
      cycles: [{ modules: ['x', 'y', 'z'], path: ['x', 'y', 'z'] }],
      skipped: [{ path: 'broken.py', reason: 'has a syntax error' }],
    });
  });

  it('leaves out what is other people’s, ignored, or a virtual environment by whatever name', async () => {
    const map = await mapOf({
      '.gitignore': 'build/\n*.gen.py\n!keep.gen.py\n',
      'a.py': '',
      'x.gen.py': '',
      'keep.gen.py': '',
      'build/b.py': '',
      'lib/.gitignore': '/private.py\n!build/\n',
      'lib/private.py': '',
      'lib/sub/private.py': '',
      'lib/build/b.py': '',
      'node_modules/x/index.js': '',
      '.git/hook.py': '',
      '.venv/lib/a.py': '',
      'my env/pyvenv.cfg': '',
      'my env/lib/b.py': '',
      'web/node_modules/y.js': '',
      '__pycache__/a.py': '',
      'notes.txt': '',
    });
    const paths = [...map.modules.values()].map(({ path }) => path).sort();
    assert.deepEqual(paths, ['a.py', 'keep.gen.py', 'lib/build/b.py', 'lib/sub/private.py']);
  });

  it('is empty for a project without source', async () => {
    const map = await mapOf({ 'README.md': '# nothing\n' });
    assert.deepEqual(mapView(map), {});
    assert.equal(summaryView(map).modules, 0);
  });
});
