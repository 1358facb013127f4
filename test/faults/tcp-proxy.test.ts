import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';

const PROXY = new URL('./tcp-proxy.ts', import.meta.url).href;

describe('the bad network of these tests', () => {
  for (const first of ['', 'socket.end();'])
    it(`lets its process end after a reset${first ? ' of what was ending' : ''}`, async () => {
      const script = `
        import { connect, createServer } from 'node:net';
        import { resetOrDestroy } from ${JSON.stringify(PROXY)};
        const server = createServer((peer) => peer.on('error', () => {}).resume()).listen(0, '127.0.0.1', () => {
          const socket = connect({ port: server.address().port, host: '127.0.0.1' }, () => {
            ${first}
            process.nextTick(() => {
              resetOrDestroy(socket);
              server.close();
            });
          });
        });`;
      const child = spawn(process.execPath, ['--input-type=module', '-e', script], { stdio: ['ignore', 'ignore', 'pipe'] });
      let errors = '';
      child.stderr.on('data', (text) => {
        errors += text;
      });
      const cut = setTimeout(() => child.kill('SIGKILL'), 10_000);
      const ended = await new Promise((resolve) => child.once('close', (code, signal) => resolve(signal ?? code)));
      clearTimeout(cut);
      assert.equal(ended, 0, errors);
    });
});
