import assert from 'node:assert/strict';
import { once } from 'node:events';
import { bundleHandler } from '../../scripts/bundle/bundle-function.ts';
import { lazyCommonjs } from '../../scripts/bundle/lazy-commonjs.ts';
import { temporaryFolder } from '../support/folder.ts';
import { describeWithSshd } from '../support/sshd.ts';
import { startBundle, unpack } from './bundles.ts';

const HANDLER = `async (request, response) => {
  if (request.url !== '/ssh') return response.end();
  const signal = new AbortController().signal;
  const { stdout } = await lazySsh({ allowLoopback: true }).run({ ...JSON.parse(process.env.SSH_REQUEST), signal });
  response.end(stdout);
}`;

describeWithSshd('the client of SSH inside a bundle', (sshd) => {
  it('runs a command, without what is compiled for one machine', async function () {
    this.timeout(60_000);
    await using release = new AsyncDisposableStack();
    const folder = release.adopt(temporaryFolder(), async (it) => it.remove());
    const imports = `import { lazySsh } from './functions/adapters/lazy-ssh.ts';`;
    const bundle = await bundleHandler({ name: 'ssh', imports, handler: HANDLER, plugins: [lazyCommonjs] });
    assert.deepEqual(
      Object.keys(bundle.files).filter((file) => file.endsWith('.node')),
      [],
    );
    unpack(bundle, folder.path);
    const { port, user, hostKey, privateKey } = sshd();
    const request = {
      address: '127.0.0.1',
      port,
      user,
      hostKey,
      privateKey,
      words: ['echo', 'here'],
      timeoutMs: 10_000,
      maxBytes: 100,
    };
    const { child, url } = await startBundle(folder.path, ['index.mjs'], { SSH_REQUEST: JSON.stringify(request) });
    release.defer(async () => {
      child.kill('SIGKILL');
      await once(child, 'exit');
    });
    assert.equal(await (await fetch(`${url}/ssh`)).text(), 'here\n');
  });
});
