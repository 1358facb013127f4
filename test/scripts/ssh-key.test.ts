import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import ssh2 from 'ssh2';
import { localSecrets } from '../../functions/adapters/local-secrets.ts';
import { temporaryFolder } from '../support/folder.ts';

const SCRIPT = fileURLToPath(new URL('../../scripts/ssh-key.ts', import.meta.url));

describe('npm run ssh-key', function () {
  this.timeout(30_000);
  const folder = temporaryFolder();
  after(() => folder.remove());
  const secrets = localSecrets({ dataDir: folder.path, masterKey: undefined });
  const keys = async () => JSON.parse((await secrets.read('ssh-keys')) ?? '');
  const { private: key, public: publicKey } = ssh2.utils.generateKeyPairSync('ed25519');

  async function run(input: string, ...flags: string[]): Promise<{ readonly code: number; readonly said: string }> {
    const child = spawn(process.execPath, [SCRIPT, '--data-dir', folder.path, ...flags], { env: { PATH: process.env.PATH } });
    child.stdin.on('error', () => {});
    child.stdin.end(input);
    const [code, ...said] = await Promise.all([
      new Promise<number>((resolve) => child.on('close', (ended) => resolve(Number(ended)))),
      text(child.stdout),
      text(child.stderr),
    ]);
    return { code, said: said.join('') };
  }

  it('keeps keys by name, replaces them and forgets them', async () => {
    assert.deepEqual(await run(key, '--name', 'admin'), { code: 0, said: 'Kept: admin. There are now: admin.\n' });
    assert.equal((await run(key, '--name', 'web')).said, 'Kept: web. There are now: admin, web.\n');
    assert.equal((await run(`${key}\n`, '--name', 'web')).code, 0);
    assert.deepEqual(await keys(), { admin: key, web: `${key}\n` });
    assert.equal((await run('', '--name', 'admin', '--remove')).code, 0);
    assert.deepEqual(Object.keys(await keys()), ['web']);
  });

  it('keeps nothing that is no private key, and does not repeat it', async () => {
    const before = await keys();
    for (const input of ['', 'hunter2', publicKey, key.slice(0, 100)]) {
      const { code, said } = await run(input, '--name', 'bad');
      assert.equal(code, 2, said);
      assert.match(said, /private key cannot be read/);
      assert.doesNotMatch(said, /hunter2|ssh-ed25519/);
    }
    assert.equal((await run(key)).code, 2);
    assert.equal((await run('', '--name', 'nobody', '--remove')).code, 2);
    assert.match((await run('', '--help')).said, /^Usage: npm run ssh-key/);
    assert.deepEqual(await keys(), before);
  });
});
