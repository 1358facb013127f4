import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { temporaryFolder } from '../support/folder.ts';

const FUNCTIONS = join(import.meta.dirname, '../../functions');

/** Which client libraries a process has loaded once the parts of a function are made, and again once they are ready and warm. */
function loaded(name: string): { made: string[]; ready: string[] } {
  const folder = temporaryFolder();
  const script = `
    import { registerHooks } from 'node:module';
    const seen = new Set();
    registerHooks({
      load(url, context, next) {
        seen.add(/node_modules\\/(@google-cloud\\/(?:firestore|pubsub|storage))\\//.exec(url)?.[1]);
        return next(url, context);
      },
    });
    const { functionParts } = await import(${JSON.stringify(join(FUNCTIONS, 'adapters/remote-parts.ts'))});
    const { readSettings } = await import(${JSON.stringify(join(FUNCTIONS, 'core/settings.ts'))});
    const clients = () => [...seen].filter((one) => one !== undefined).sort();
    const { ready } = functionParts(${JSON.stringify(name)}, readSettings({}, { runtime: 'emulators', dataDir: ${JSON.stringify(folder.path)} }));
    const made = clients();
    await ready();
    await ready();
    process.once('beforeExit', () => {
      console.log(JSON.stringify({ made, ready: clients() }));
      process.exit();
    });`;
  try {
    return JSON.parse(String(execFileSync(process.execPath, ['--input-type=module', '--eval', script])));
  } finally {
    folder.remove();
  }
}

describe('the client of the store', function () {
  this.timeout(30_000);

  for (const [name, clients] of [
    ['dispatch', ['@google-cloud/firestore']],
    ['results', ['@google-cloud/firestore']],
    ['control', ['@google-cloud/firestore']],
    ['codex', []],
  ] as const) {
    it(`is loaded once there is a request to get ready for, alone, and where there is a role for it: ${name}`, () => {
      assert.deepEqual(loaded(name), { made: [], ready: clients });
    });
  }
});
