import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { bundleHandler } from '../../scripts/bundle/bundle-function.ts';
import { temporaryFolder } from '../support/folder.ts';

const ROOT = join(import.meta.dirname, '../..');

describe('npm run bundle, npm run synth', function () {
  this.timeout(60_000);
  let folder: ReturnType<typeof temporaryFolder>;
  beforeEach(() => {
    folder = temporaryFolder();
  });
  afterEach(() => folder.remove());

  const command = (script: string, ...flags: string[]) =>
    new Promise<{ code: number; stdout: string; stderr: string }>((resolve) => {
      execFile(process.execPath, [join(ROOT, script), ...flags], { cwd: folder.path }, (error, stdout, stderr) =>
        resolve({ code: error === null ? 0 : Number(error.code), stdout, stderr }),
      );
    });

  for (const script of ['scripts/bundle.ts', 'infra/main.ts']) {
    it(`${script} --help tells of the flags`, async () => {
      const { code, stdout } = await command(script, '--help');
      assert.equal(code, 0);
      assert.match(stdout, /^Usage: npm run .*--out <folder>.*--help/s);
    });

    it(`${script} names the flag that it does not know`, async () => {
      const { code, stderr } = await command(script, '--fast');
      assert.notEqual(code, 0);
      assert.match(stderr, /Unknown option '--fast'\n\nUsage: npm run /);
      assert.doesNotMatch(stderr, /at .*\.ts:/);
    });

    it(`${script} names the folder that cannot be written`, async () => {
      const file = join(folder.path, 'file');
      writeFileSync(file, '');
      const { code, stderr } = await command(script, '--out', file);
      assert.equal(code, 1);
      assert.match(stderr, /^\n?EEXIST: .*'.*file'\n$/);
    });
  }

  it('says which import leads nowhere', async () => {
    const imports = `import { shout } from './functions/nowhere/index.ts';`;
    await assert.rejects(bundleHandler({ name: 'shout', imports, handler: 'shout' }), {
      code: 'bundle_failed',
      message: /^shout cannot be bundled\. .*functions\/nowhere\/index\.ts/s,
    });
    assert.equal(existsSync(join(ROOT, '.heliograph/bundles/shout')), false);
  });
});
