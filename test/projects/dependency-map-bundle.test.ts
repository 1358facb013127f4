import assert from 'node:assert/strict';
import { once } from 'node:events';
import { realpathSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { bundleFunction } from '../../scripts/bundle/bundle-function.ts';
import { startBundle, unpack } from '../infra/bundles.ts';
import { temporaryFolder } from '../support/folder.ts';

describe('the archive of projects', function () {
  this.timeout(60_000);
  const own = temporaryFolder();
  const root = temporaryFolder();
  after(() => {
    own.remove();
    root.remove();
  });

  it('maps each language with the parsers that are in it, reading nothing else', async () => {
    const bundle = await bundleFunction('projects');
    unpack(bundle, own.path);
    writeFileSync(join(root.path, 'a.py'), 'import b\n');
    writeFileSync(join(root.path, 'b.py'), '');
    writeFileSync(join(root.path, 'c.ts'), "const x = <any>y;\nimport './d.js';\n");
    writeFileSync(join(root.path, 'd.jsx'), 'export default () => <p/>;\n');
    const readable = [own.path, root.path].map((path) => realpathSync(path));
    // Where the local secrets are kept.
    const data = join(realpathSync(own.path), 'data');
    const fences = [
      '--permission',
      `--allow-fs-write=${data}`,
      ...[...readable, '/proc/self/fd/'].map((path) => `--allow-fs-read=${path}`),
    ];
    const { child, url, output } = await startBundle(own.path, [...fences, 'index.mjs'], {
      ORCHESTRATOR_AUTH: 'open',
      ORCHESTRATOR_DATA_DIR: data,
      ORCHESTRATOR_PROJECT_ROOTS: root.path,
    });
    try {
      const response = await fetch(`${url}/dependency-map?project_path=${encodeURIComponent(root.path)}`);
      const map = (await response.json()) as Record<string, { imports: string[] }>;
      assert.equal(response.status, 200, `${JSON.stringify(map)} ${output()}`);
      assert.deepEqual([map.a?.imports, map['c.ts']?.imports, Object.keys(map)], [['b'], ['d.jsx'], ['a', 'b', 'c.ts', 'd.jsx']]);
    } finally {
      child.kill('SIGKILL');
      await once(child, 'exit');
    }
  });
});
