import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { folderTree } from '../../functions/adapters/folder-tree.ts';
import type { ProjectTree } from '../../functions/core/ports.ts';
import { type DependencyMap, dependencyMap } from '../../functions/projects/dependency-map/dependency-map.ts';
import { CLOCK, importsOf, LIMITS } from './memory-tree.ts';

/** Its tests, and what others have installed. */
const TESTS = ['test', 'tests', 'idle_test', 'lib2to3/tests'];
const OTHERS = ['site-packages', '__pycache__'];
/** On two idle cores; others may be using these. */
const MAX_CPU_MS = 3_000;

const standardLibrary = (() => {
  try {
    const script = 'import sysconfig; print(sysconfig.get_paths()["stdlib"])';
    return execFileSync('python3', ['-c', script], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim();
  } catch {
    return undefined;
  }
})();

describe(`Python's own standard library${standardLibrary === undefined ? ' (NOT COMPARED: there is no python3)' : ''}`, function () {
  this.timeout(120_000);
  before(function () {
    if (standardLibrary === undefined) this.skip();
  });

  it('without its tests has the imports that Python’s own parser sees, all and no others, in the time that is promised', async () => {
    const tree = without(folderTree(standardLibrary as string), TESTS);
    const before = process.cpuUsage();
    const map = await dependencyMap(tree, LIMITS, CLOCK);
    const first = process.cpuUsage(before);
    compare(map, [...TESTS, ...OTHERS]);
    assert.ok(map.modules.size > 300, `${map.modules.size} modules`);
    assert.ok(first.user / 1000 < MAX_CPU_MS, `${first.user / 1000} ms of processor time`);

    const started = process.cpuUsage();
    assert.deepEqual(importsOf(await dependencyMap(tree, LIMITS, CLOCK)), importsOf(map));
    const again = process.cpuUsage(started);
    assert.ok(again.user < first.user / 3, `${again.user / 1000} ms again, ${first.user / 1000} ms at first`);
  });
});

function without(tree: ProjectTree, names: readonly string[]): ProjectTree {
  const list: ProjectTree['list'] = async (folder) =>
    (await tree.list(folder)).filter(({ kind, path }) => kind !== 'folder' || !names.includes(path.split('/').at(-1) ?? ''));
  return { ...tree, list };
}

function compare(map: DependencyMap, leftOut: readonly string[]): void {
  const script = join(import.meta.dirname, 'python-imports.py');
  const output = execFileSync('python3', [script, standardLibrary as string, ...leftOut], { encoding: 'utf8', maxBuffer: 1e8 });
  const { imports, refused } = JSON.parse(output) as { imports: Record<string, string[]>; refused: string[] };
  assert.deepEqual(
    map.skipped.map(({ path }) => path),
    refused,
  );
  assert.deepEqual(importsOf(map), imports);
}
