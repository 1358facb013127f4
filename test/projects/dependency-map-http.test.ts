import assert from 'node:assert/strict';
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { temporaryFolder } from '../support/folder.ts';
import type { Refusal } from '../support/stack.ts';
import { type EmbeddedTestStack, embeddedStack } from '../support/stack-embedded.ts';

describe('GET /dependency-map', function () {
  this.timeout(30_000);
  const root = temporaryFolder();
  const elsewhere = temporaryFolder();
  const project = join(root.path, 'shop');
  let stack: EmbeddedTestStack;

  before(async () => {
    write(join(project, 'app.py'), 'from lib import a, b\n');
    write(join(project, 'lib/a.py'), 'from . import b\n');
    write(join(project, 'lib/b.py'), '');
    write(join(project, 'web/index.ts'), "import './page.js';\n");
    write(join(project, 'web/page.ts'), '');
    write(join(elsewhere.path, 'secret.py'), 'import secret\n');
    symlinkSync('.', join(project, 'again'));
    symlinkSync(elsewhere.path, join(project, 'out'));
    symlinkSync(join(elsewhere.path, 'secret.py'), join(project, 'linked.py'));
    symlinkSync(elsewhere.path, join(root.path, 'way-out'));
    stack = await embeddedStack({ projectRoots: [root.path], 'limits.mapFiles': 100 });
  });
  after(async () => {
    await stack.stop();
    root.remove();
    elsewhere.remove();
  });

  const ask = (query: string, headers: Record<string, string> = {}) => fetch(`${stack.url}/dependency-map${query}`, { headers });
  const of = (path: string, more = '') => ask(`?project_path=${encodeURIComponent(path)}${more}`);

  it('answers the map, and follows no link: not in circles, not out of the project', async () => {
    const response = await of(project);
    assert.deepEqual([response.status, response.headers.get('content-type')], [200, 'application/json; charset=utf-8']);
    assert.deepEqual(await response.json(), {
      app: { path: 'app.py', imports: ['lib.a', 'lib.b'], is_isolated: false, is_shared: false },
      'lib.a': { path: 'lib/a.py', imports: ['lib.b'], is_isolated: false, is_shared: false },
      'lib.b': { path: 'lib/b.py', imports: [], is_isolated: false, is_shared: true },
      'web/index.ts': { path: 'web/index.ts', imports: ['web/page.ts'], is_isolated: false, is_shared: false },
      'web/page.ts': { path: 'web/page.ts', imports: [], is_isolated: false, is_shared: false },
    });
  });

  it('answers what the map shows as a whole', async () => {
    const summary = (await (await of(project, '&view=summary')).json()) as Record<string, unknown>;
    assert.deepEqual([summary.roots, summary.leaves, summary.cycles], [['app', 'web/index.ts'], ['lib.b', 'web/page.ts'], []]);
  });

  const formats: [string, string, RegExp][] = [
    ['dot', 'text/vnd.graphviz; charset=utf-8', /^digraph dependencies \{/],
    ['mermaid', 'text/plain; charset=utf-8', /^flowchart LR\n/],
    ['svg', 'image/svg+xml; charset=utf-8', /^<svg .*<\/svg>\n$/s],
  ];
  for (const [format, type, text] of formats) {
    it(`draws it as ${format}, in which nothing may run`, async () => {
      const response = await of(project, `&format=${format}`);
      assert.deepEqual([response.status, response.headers.get('content-type')], [200, type]);
      assert.match(response.headers.get('content-security-policy') ?? '', /default-src 'none';.*sandbox/);
      assert.equal(response.headers.get('x-content-type-options'), 'nosniff');
      assert.match(await response.text(), text);
    });
  }

  it('sees each change', async () => {
    const path = join(root.path, 'changing');
    write(join(path, 'a.py'), 'import b\n');
    write(join(path, 'b.py'), '');
    const imports = async () => ((await (await of(path)).json()) as { a: { imports: string[] } }).a.imports;
    assert.deepEqual(await imports(), ['b']);
    write(join(path, 'a.py'), 'import c\n');
    assert.deepEqual(await imports(), []);
    write(join(path, 'c.py'), '');
    assert.deepEqual(await imports(), ['c']);
  });

  const refusals: [name: string, query: () => string, status: number, code: string, field?: string][] = [
    ['no project', () => '', 422, 'project_path_missing', 'project_path'],
    ['an empty one', () => '?project_path=', 422, 'project_path_missing', 'project_path'],
    ['a relative path', () => '?project_path=shop', 422, 'project_path_invalid', 'project_path'],
    ['a folder that there is not', () => `?project_path=${project}-none`, 404, 'project_not_found', 'project_path'],
    ['a file', () => `?project_path=${project}/app.py`, 404, 'project_not_found', 'project_path'],
    ['a folder outside of the roots', () => `?project_path=${elsewhere.path}`, 403, 'outside_roots', 'project_path'],
    ['a way out by dots', () => `?project_path=${project}/../../..`, 403, 'outside_roots', 'project_path'],
    ['a way out by a link', () => `?project_path=${root.path}/way-out`, 403, 'outside_roots', 'project_path'],
    ['an unknown parameter', () => `?project_path=${project}&until=backup_1`, 422, 'invalid_fields', 'until'],
    ['since, of a project that was not submitted', () => `?project_path=${project}&since=backup_1`, 404, 'project_not_found'],
    ['a picture of changes', () => `?project_path=${project}&since=backup_1&format=dot`, 422, 'invalid_fields', 'since'],
    ['an unknown format', () => `?project_path=${project}&format=png`, 422, 'invalid_fields', 'format'],
    ['a picture of a summary', () => `?project_path=${project}&format=svg&view=summary`, 422, 'invalid_fields', 'view'],
  ];
  for (const [name, query, status, code, field] of refusals) {
    it(`refuses ${name}`, async () => {
      const response = await ask(query());
      const problem = (await response.json()) as Refusal;
      assert.deepEqual([response.status, problem.code, problem.errors?.map((one) => one.field)], [status, code, field && [field]]);
    });
  }

  it('refuses a project with more files than are allowed', async () => {
    const path = join(root.path, 'large');
    for (let n = 0; n <= 100; n += 1) write(join(path, `m${n}.py`), '');
    const response = await of(path);
    assert.deepEqual([response.status, ((await response.json()) as Refusal).code], [413, 'project_too_large']);
  });

  it('wants to know who asks', async () => {
    const response = await ask(`?project_path=${encodeURIComponent(project)}`, { 'x-api-key': 'hg.x' });
    assert.equal(response.status, 401);
  });
});

describe('GET /dependency-map without folders for projects', () => {
  it('refuses every project, and says what to set', async () => {
    const stack = await embeddedStack();
    try {
      const response = await fetch(`${stack.url}/dependency-map?project_path=/`);
      const { code, detail } = (await response.json()) as Refusal & { detail: string };
      assert.deepEqual([response.status, code], [403, 'outside_roots']);
      assert.match(detail, /ORCHESTRATOR_PROJECT_ROOTS/);
    } finally {
      await stack.stop();
    }
  });
});

function write(path: string, text: string): void {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
}
