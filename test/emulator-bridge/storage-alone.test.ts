import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Storage } from '@google-cloud/storage';
import { temporaryFolder, until } from '../support/folder.ts';

const MAIN = fileURLToPath(new URL('../../emulator-bridge/storage/main.ts', import.meta.url));

describe('the storage server alone', function () {
  this.timeout(60_000);
  let folder: ReturnType<typeof temporaryFolder>;
  const children: ChildProcess[] = [];
  before(() => {
    folder = temporaryFolder();
  });
  after(() => {
    for (const child of children) child.kill('SIGKILL');
    folder.remove();
  });

  function run(...args: string[]) {
    const child = spawn(process.execPath, [MAIN, ...args], { cwd: folder.path, env: { PATH: process.env.PATH } });
    children.push(child);
    const run = { child, text: '', ended: new Promise<number | string | null>(() => {}) };
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (run.text += chunk));
    run.ended = new Promise((resolve) => child.once('close', (code, signal) => resolve(code ?? signal)));
    return run;
  }

  async function serving(...args: string[]) {
    const server = run('--port', '0', ...args);
    await until(() => /STORAGE_EMULATOR_HOST=\S+\n/.test(server.text), 20_000);
    const url = /STORAGE_EMULATOR_HOST=(\S+)/.exec(server.text)?.[1] as string;
    return { ...server, url, storage: new Storage({ projectId: 'project', apiEndpoint: url }) };
  }

  it('serves the real client, keeps what it has, and ends at SIGTERM', async () => {
    const first = await serving('--data-dir', 'kept');
    assert.match(first.url, /^http:\/\/127\.0\.0\.1:\d+$/);
    const [bucket] = await first.storage.createBucket('a-bucket');
    await bucket.file('a/é.txt').save('first', { resumable: false, preconditionOpts: { ifGenerationMatch: 0 } });
    const again = bucket.file('a/é.txt').save('second', { resumable: false, preconditionOpts: { ifGenerationMatch: 0 } });
    await assert.rejects(again, { code: 412 });
    await bucket.file('large').save(Buffer.alloc(3_000_000, 'x'), { resumable: true });

    const second = run('--port', '0', '--data-dir', 'kept');
    assert.equal(await second.ended, 2);
    assert.match(second.text, /--data-dir/);
    const third = run('--port', new URL(first.url).port, '--data-dir', 'other');
    assert.equal(await third.ended, 2);
    assert.match(third.text, /Port \d+ is in use/);

    first.child.kill('SIGTERM');
    assert.equal(await first.ended, 0);
    const next = await serving('--data-dir', 'kept');
    const kept = next.storage.bucket('a-bucket');
    assert.equal(String((await kept.file('a/é.txt').download())[0]), 'first');
    assert.deepEqual(
      (await kept.getFiles())[0].map(({ name }) => name),
      ['a/é.txt', 'large'],
    );
    next.child.kill('SIGINT');
    assert.equal(await next.ended, 0);
  });

  it('makes the buckets of a project when it is told its name, and keeps all in .heliograph/storage', async () => {
    const server = await serving('--host', 'localhost', '--project', 'my-project');
    assert.match(server.text, /\.heliograph\/storage/);
    await server.storage.bucket('my-project-heliograph-backups').file('x').save('x', { resumable: false });
    assert.deepEqual((await server.storage.bucket('my-project-heliograph-payloads').exists())[0], true);
    server.child.kill('SIGTERM');
    assert.equal(await server.ended, 0);
  });

  for (const [name, args, code, message] of [
    ['a call for help', ['--help'], 0, /^Usage: npm run storage/],
    ['an unknown flag', ['--fast'], 2, /--fast(.|\n)*Usage/],
    ['another argument', ['here'], 2, /here(.|\n)*Usage/],
    ['all addresses', ['--host', '0.0.0.0'], 2, /'0\.0\.0\.0' is not this machine alone/],
    ['another address', ['--host', '10.0.0.1'], 2, /'10\.0\.0\.1' is not this machine alone/],
    ['a port that is none', ['--port', '70000'], 2, /'70000' is no port/],
    ["a project's name that is none", ['--project', 'a b'], 2, /project/],
    ['a folder that is none', ['--port', '0', '--data-dir', 'a-file'], 2, /a-file cannot be used/],
  ] as const) {
    it(`answers ${name} with exit ${code}`, async () => {
      writeFileSync(join(folder.path, 'a-file'), 'x');
      const { ended, child } = run(...args);
      let text = '';
      for (const stream of [child.stdout, child.stderr]) stream?.on('data', (chunk) => (text += chunk));
      assert.equal(await ended, code);
      assert.match(text, message);
    });
  }
});
