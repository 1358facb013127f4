import assert from 'node:assert/strict';
import { ignoreRules } from '../../functions/core/ignore-rules.ts';
import { dependencyMap } from '../../functions/projects/dependency-map/dependency-map.ts';
import { CLOCK, LIMITS, mapOf, memoryTree } from '../projects/memory-tree.ts';

/** Milliseconds that it took: nothing else is served meanwhile. */
async function taken(work: () => unknown): Promise<number> {
  const started = performance.now();
  await work();
  return performance.now() - started;
}

describe('a project that wants to hold everything up', function () {
  this.timeout(60_000);

  it('cannot by blanks in its .gitignore', async () => {
    const rules = ignoreRules();
    assert.ok((await taken(() => rules.add('', `${' '.repeat(500_000)}x`))) < 1_000);
  });

  it('cannot by wildcards in its .gitignore; the other lines count', async () => {
    const rules = ignoreRules();
    rules.add('', `${'*a'.repeat(12)}*b\n${'**/a/'.repeat(9)}b\n*.log\n`);
    const names = ['a'.repeat(250), `${'a/'.repeat(120)}c`];
    assert.ok((await taken(() => names.forEach((name) => void rules.ignores(name, false)))) < 1_000);
    assert.deepEqual(rules.patterns, ['*.log']);
    assert.ok(rules.ignores('deep/a.log', false));
  });

  it('cannot by depth: a wildcard for any number of folders multiplies with the number of folders', async () => {
    const rules = ignoreRules();
    rules.add('', '**/a*/**/*a*/**/*a*a*b\n**/*/**/*/**/b\n*.log\n');
    const deep = [`${'a/'.repeat(240)}q`, `${'a/'.repeat(2_000)}q`, `${'aaaaaaaaaaaaaaa/'.repeat(39)}q`];
    assert.ok((await taken(() => deep.forEach((path) => void rules.ignores(path, false)))) < 1_000);
    assert.ok(rules.ignores('a/a/b.log', false));
    assert.ok(!rules.ignores(`${'a/'.repeat(240)}b.log`, false));
  });

  it('cannot by the number of its lines, of one .gitignore or of many; the first count', async () => {
    const rules = ignoreRules();
    rules.add('', '*.log\n');
    const text = Array.from({ length: 60_000 }, (_, index) => `x${index}`).join('\n');
    for (const folder of ['', 'a', 'b']) rules.add(folder, text);
    const heavy = ignoreRules();
    heavy.add('', Array.from({ length: 60_000 }, (_, index) => `*a*a*${index}b`).join('\n'));
    assert.ok(rules.patterns.length <= 5_000 && heavy.patterns.length <= 100);
    const names = Array.from({ length: 20 }, (_, index) => 'a'.repeat(200) + index);
    assert.ok((await taken(() => names.forEach((name) => void rules.ignores(name, false)))) < 5_000);
    assert.ok(rules.ignores('deep/a.log', false));
    // What was kept of them makes the same rules again.
    assert.deepEqual(ignoreRules(rules.patterns).patterns, rules.patterns);
  });

  it('cannot by one folder of many files: a map ends in time, and others are served meanwhile', async () => {
    const lines = Array.from({ length: 5_000 }, (_, index) => `x${index}`).join('\n');
    const names = Array.from({ length: 3_000 }, (_, index) => [`${'a'.repeat(200)}${index}.py`, ''] as const);
    const tree = memoryTree({ '.gitignore': lines, ...Object.fromEntries(names) });
    let turns = 0;
    const served = setInterval(() => (turns += 1), 10);
    const ms = await taken(() =>
      assert.rejects(dependencyMap(tree, { ...LIMITS, ms: 500 }, CLOCK), { code: 'dependency_map_unfinished' }),
    );
    clearInterval(served);
    assert.ok(ms < 5_000, `${ms} ms`);
    assert.ok(turns > 0);
  });

  it('cannot by configurations that extend each other', async () => {
    const level = (index: number) =>
      [`l${index}.json`, JSON.stringify({ extends: Array(3).fill(`./l${index + 1}.json`) })] as const;
    const files = {
      'tsconfig.json': '{"extends": "./l0.json"}',
      ...Object.fromEntries(Array.from({ length: 15 }, (_, index) => level(index))),
      'l15.json': '{"compilerOptions": {"baseUrl": ".", "paths": {"@/*": ["./src/*"]}}}',
      'src/n.ts': '',
      'm.ts': "import '@/n';",
    };
    let imports: readonly string[] | undefined;
    assert.ok((await taken(async () => (imports = (await mapOf(files)).modules.get('m.ts')?.imports))) < 2_000);
    assert.deepEqual(imports, ['src/n.ts']);
  });

  it('keeps the blanks that a backslash protects', () => {
    const rules = ignoreRules();
    rules.add('', 'a\\ \t \nb  \nc\\\n \\ d \n');
    assert.deepEqual(rules.patterns, ['a\\ ', 'b', 'c\\', ' \\ d']);
  });
});
