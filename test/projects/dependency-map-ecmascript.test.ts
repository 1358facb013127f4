import assert from 'node:assert/strict';
import { importsOf, mapOf } from './memory-tree.ts';

type Files = Readonly<Record<string, string>>;

describe('the imports of a TypeScript or JavaScript module', () => {
  const project: Files = { 'a.ts': '', 'b.js': '', 'c/index.ts': '', 'c/d.tsx': '', 'types.d.ts': '', 'e.mts': '', 'f.cjs': '' };
  const rows: [name: string, path: string, text: string, imports: string[]][] = [
    ['nothing', 'm.ts', 'const x = 1;\n', []],
    ['a module by its file', 'm.ts', "import { x } from './a.ts';\n", ['a.ts']],
    ['a module without its ending', 'm.ts', "import x from './a';\nimport * as y from './b';\n", ['a.ts', 'b.js']],
    [
      'a module as it will be called once compiled',
      'm.ts',
      "import './a.js';\nimport './e.mjs';\nimport './c/d.jsx';\n",
      ['a.ts', 'c/d.tsx', 'e.mts'],
    ],
    ['a folder’s index', 'c/x/m.ts', "import '..';\nimport '../../c/';\n", ['c/index.ts']],
    ['for its side effects', 'm.js', "import './b.js';\n", ['b.js']],
    ['types alone', 'm.ts', "import type { T } from './types';\nimport { type U } from './a';\n", ['a.ts', 'types.d.ts']],
    [
      'a re-export',
      'm.ts',
      "export * from './a';\nexport { x } from './c/d';\nexport type { T } from './types';\n",
      ['a.ts', 'c/d.tsx', 'types.d.ts'],
    ],
    ['dynamically, by a literal', 'm.ts', "const x = await import('./a');\nconst y = () => import(`./b`);\n", ['a.ts', 'b.js']],
    [
      'with something before the literal',
      'm.js',
      "require(/* webpackIgnore: true */ './b');\nimport(/* x */ './a');\n",
      ['a.ts', 'b.js'],
    ],
    ['nothing known by an expression', 'm.ts', `await import('./' + name);\nawait import(\`./\${name}\`);\nrequire(name);\n`, []],
    ['by require', 'm.cjs', "const f = require('./f');\nif (x) { require('./b.js').y(); }\n", ['b.js', 'f.cjs']],
    ['by TypeScript’s own require', 'm.cts', "import f = require('./f.cjs');\n", ['f.cjs']],
    ['a type in place', 'm.ts', "let x: import('./types').T;\n", ['types.d.ts']],
    [
      'with attributes',
      'm.ts',
      "import d from './data.json' with { type: 'json' };\nimport a from './a' with { x: 'y' };\n",
      ['a.ts'],
    ],
    ['what is a package of others', 'm.ts', "import 'react';\nimport x from '@scope/a';\nimport 'node:fs';\n", []],
    ['no text and no comment', 'm.ts', `// import './a';\nconst x = "import './a'";\nconst y = \`import './a'\`;\n`, []],
    ['beside elements', 'm.jsx', "import './a';\nexport default () => <p title='x'>it's import './b'</p>;\n", ['a.ts']],
    ['beside a cast that looks like an element', 'm.ts', "const x = <any>y;\nimport './a';\n", ['a.ts']],
    ['beside an error', 'm.ts', "import './a';\nconst = ;;; }\nimport './b';\n", ['a.ts', 'b.js']],
    ['out of the project: not at all', 'm.ts', "import '../a';\nimport '../../etc/passwd';\n", []],
    ['itself: not at all', 'm.ts', "import './m';\n", []],
    ['with a bundler’s question', 'm.ts', "import text from './a?raw';\n", ['a.ts']],
    ['an escaped name', 'm.ts', "import './\\u0061';\n", ['a.ts']],
  ];
  for (const [name, path, text, imports] of rows) {
    it(name, async () => assert.deepEqual(importsOf(await mapOf({ ...project, [path]: text }))[path], imports));
  }
});

describe('where modules are found', () => {
  const rows: [name: string, files: Files, imports: string[]][] = [
    [
      'by the paths of tsconfig.json, the longest first, its targets in turn',
      {
        'tsconfig.json':
          '{ // where\n "compilerOptions": { "paths": { "@/*": ["./gone/*", "./src/*"], "@/lib/*": ["./lib/*"], "one": ["./lib/a.ts"], }, }, }',
        'src/x.ts': '',
        'lib/a.ts': '',
        'lib/b.ts': '',
        'src/lib/b.ts': '',
        'src/m.ts': "import '@/x';\nimport '@/lib/b';\nimport 'one';\n",
      },
      ['lib/a.ts', 'lib/b.ts', 'src/x.ts'],
    ],
    [
      'from baseUrl',
      {
        'tsconfig.json': '{"compilerOptions": {"baseUrl": "src", "paths": {"~/*": ["*"]}}}',
        'src/x.ts': '',
        'src/y/index.ts': '',
        'src/m.ts': "import 'x';\nimport '~/y';\n",
      },
      ['src/x.ts', 'src/y/index.ts'],
    ],
    [
      'by what tsconfig.json extends, from there',
      {
        'tooling/base.json': '{"compilerOptions": {"paths": {"#lib/*": ["../lib/*"]}}}',
        'src/tsconfig.json': '{"extends": "../tooling/base"}',
        'lib/a.ts': '',
        'src/m.ts': "import '#lib/a';\n",
      },
      ['lib/a.ts'],
    ],
    [
      'by what it only refers to',
      {
        'tsconfig.json': '{"files": [], "references": [{"path": "./tsconfig.app.json"}]}',
        'tsconfig.app.json': '{"compilerOptions": {"paths": {"@/*": ["./src/*"]}}}',
        'src/a.ts': '',
        'src/m.ts': "import '@/a';\n",
      },
      ['src/a.ts'],
    ],
    [
      'by the nearest configuration',
      {
        'tsconfig.json': '{"compilerOptions": {"paths": {"x": ["./a.ts"]}}}',
        'src/jsconfig.json': '{"compilerOptions": {"paths": {"x": ["./b.js"]}}}',
        'a.ts': '',
        'src/b.js': '',
        'src/m.js': "import 'x';\n",
      },
      ['src/b.js'],
    ],
    [
      'by the imports of package.json',
      {
        'package.json':
          '{"imports": {"#db": {"node": "./lib/db.js", "default": "./lib/none.js"}, "#lib/*": "./lib/*.js", "#void": null}}',
        'lib/db.js': '',
        'lib/u.js': '',
        'src/m.js': "import '#db';\nimport '#lib/u';\nimport '#void';\n",
      },
      ['lib/db.js', 'lib/u.js'],
    ],
    [
      'in the project’s other packages, by their names',
      {
        'package.json': '{"workspaces": ["packages/*"]}',
        'packages/one/package.json': '{"name": "@acme/one", "main": "./lib/main.js"}',
        'packages/one/lib/main.ts': '',
        'packages/two/package.json': '{"name": "two", "exports": {".": {"types": "./src/i.ts"}, "./x/*": "./src/*.ts"}}',
        'packages/two/src/i.ts': '',
        'packages/two/src/y.ts': '',
        'packages/three/package.json': '{"name": "three", "main": "dist/index.js"}',
        'packages/three/src/index.ts': '',
        'app/m.ts': "import '@acme/one';\nimport 'two';\nimport 'two/x/y';\nimport 'three';\nimport 'two/none';\n",
      },
      ['packages/one/lib/main.ts', 'packages/three/src/index.ts', 'packages/two/src/i.ts', 'packages/two/src/y.ts'],
    ],
    [
      'at the main file of a folder',
      {
        'lib/package.json': '{"main": "start.js"}',
        'lib/start.js': '',
        'lib/index.js': '',
        'm.js': "require('./lib');\n",
      },
      ['lib/start.js'],
    ],
    [
      'where configurations are broken, as without them',
      {
        'tsconfig.json': '{"extends": "./tsconfig.json", "compilerOptions": {"paths": 5}}',
        'package.json': '{',
        'lib/package.json': '{"main": "."}',
        'lib/index.js': '',
        'a.js': '',
        'm.js': "import './a.js';\nimport './lib';\nimport '@/x';\n",
      },
      ['a.js', 'lib/index.js'],
    ],
  ];
  for (const [name, files, imports] of rows) {
    it(name, async () => {
      const map = await mapOf(files);
      const [path] = Object.keys(files).filter((one) => /(^|\/)m\.[jt]s$/.test(one));
      assert.deepEqual(map.modules.get(path as string)?.imports, imports);
    });
  }

  it('beside modules of Python that would have the same name', async () => {
    const map = await mapOf({ 'a/ts.py': '', 'a.ts': '', 'm.ts': "import './a';\n" });
    assert.deepEqual(importsOf(map), { './a.ts': [], 'a.ts': [], 'm.ts': ['./a.ts'] });
    assert.equal(map.modules.get('a.ts')?.path, 'a/ts.py');
  });
});
