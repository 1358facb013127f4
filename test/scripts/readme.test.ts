import assert from 'node:assert/strict';
import { execFile, spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { startEmbedded } from '../../emulator-bridge/embedded.ts';
import { readSettings } from '../../functions/core/settings.ts';
import { topology } from '../../functions/topology.ts';
import manifest from '../../package.json' with { type: 'json' };
import { readOptions } from '../../scripts/cost/options.ts';
import { markdownReport } from '../../scripts/cost/report.ts';
import { quiet } from '../emulator-bridge/kit.ts';
import { temporaryFolder } from '../support/folder.ts';

const ROOT = resolve(dirname(fileURLToPath(import.meta.url)), '../..');
const readme = readFileSync(resolve(ROOT, 'README.md'), 'utf8');
const blocks = (language: string) =>
  [...readme.matchAll(new RegExp(`^\`\`\`${language}\\n(.*?)^\`\`\``, 'gms'))].map(([, text]) => text ?? '');
/** A failed request fails the line: without this curl would call a 422 a success. */
const STRICT = 'set -eo pipefail\ncurl() { command curl --fail-with-body --max-time 20 "$@"; echo; }\n';

describe('README', () => {
  const scripts = [...readme.matchAll(/npm (?:run ([\w:-]+)|(start|test)\b)/g)].map(([, run, own]) => run ?? own ?? '');
  it('starts with the one command, then the tests', () =>
    assert.match(blocks('sh')[0] ?? '', /^npm ci && npm run demo .*\nnpm test\n/));
  for (const name of new Set(scripts)) it(`names a script that there is: ${name}`, () => assert.ok(name in manifest.scripts));

  it('names paths that there are', () => {
    const paths = [...readme.matchAll(/`((?:functions|emulator-bridge|test|\.ci)\/[\w./-]*)`/g)].map(([, path]) => path ?? '');
    assert.ok(paths.length > 5);
    for (const path of paths.filter((one) => !one.includes('shout'))) assert.ok(existsSync(resolve(ROOT, path)), path);
  });

  it('accounts for every dependency', () => {
    const rows = readme.slice(readme.indexOf('| dependency'));
    const names = Object.keys({ ...manifest.dependencies, ...manifest.devDependencies });
    for (const name of names.filter((one) => !one.startsWith('@types/'))) assert.ok(rows.includes(`\`${name}\``), name);
  });

  it('prices what there is', () => {
    const { load } = readOptions([], topology);
    for (const table of markdownReport(topology, load).split('\n\n'))
      assert.ok(readme.includes(table), `npm run cost -- --markdown:\n${table}`);
  });

  describe('its curl lines', function () {
    this.timeout(60_000);
    const data = temporaryFolder();
    after(() => data.remove());

    it('are answered with 2xx', async function () {
      if (spawnSync('curl', ['--version']).status !== 0) this.skip();
      const settings = readSettings({}, { runtime: 'embedded', auth: 'open', dataDir: data.path, port: 0, logLevel: 'silent' });
      await using release = new AsyncDisposableStack();
      const stack = release.adopt(await startEmbedded({ settings, log: quiet }), (it) => it.stop());
      const lines = blocks('sh').filter((block) => block.includes('curl '));
      assert.ok(lines.length >= 4);
      const script = STRICT + lines.join('\n').replaceAll('localhost:8081', stack.url);
      const { stdout } = await promisify(execFile)('bash', ['-c', script]);
      for (const part of [
        '"status":"succeeded"',
        '"status":"cancelled"',
        '"event":"dead"',
        '"redriven"',
        'event: end',
        '"keys":["whsec_',
      ])
        assert.ok(stdout.includes(part), `${part} is missing in ${stdout}`);
    });
  });
});
