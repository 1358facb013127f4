import assert from 'node:assert/strict';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { join } from 'node:path';
import fc from 'fast-check';
import { sshClient } from '../../functions/adapters/ssh.ts';
import type { SshReply, SshRequest } from '../../functions/core/ports.ts';
import { until } from '../support/folder.ts';
import { describeWithSshd, type Sshd } from '../support/sshd.ts';

const MIB = 1_048_576;
const NODE = process.execPath;

describeWithSshd('remote commands', function (started) {
  this.timeout(60_000);
  const client = sshClient({ allowLoopback: true });
  const requestFor = (words: readonly string[], part: Partial<SshRequest> = {}): SshRequest => {
    const { port, user, hostKey, privateKey } = started();
    const signal = new AbortController().signal;
    return { address: '127.0.0.1', port, user, hostKey, privateKey, words, timeoutMs: 10_000, maxBytes: MIB, signal, ...part };
  };
  const run = (words: readonly string[], part?: Partial<SshRequest>): Promise<SshReply> => client.run(requestFor(words, part));

  afterEach('no connection is left open', async () => {
    // The other end of one is the test's own server.
    await until(() => !process.getActiveResourcesInfo().some((name) => /TCPSocketWrap|TCPConnectWrap/.test(name)), 1_000);
    await until(() => childrenOf(started()) === 0);
  });

  it('gives both outputs and the exit code', async () => {
    const { stdout, stderr, exitCode, isTruncated } = await run([
      NODE,
      '-e',
      'console.log("out"); console.error("err"); process.exit(3)',
    ]);
    assert.deepEqual(
      [stdout.toString(), stderr.toString(), exitCode, isTruncated],
      ['out\n', 'err\n', 3, { stdout: false, stderr: false }],
    );
  });

  it('has no input, no terminal, no agent, and none of our environment', async () => {
    assert.equal((await run(['cat'])).stdout.length, 0);
    process.env.HELIOGRAPH_TEST_SECRET = 'a secret';
    const look = 'console.log(JSON.stringify([process.stdin.isTTY, process.stdout.isTTY, process.env]))';
    const [input, output, environment] = JSON.parse((await run([NODE, '-e', look])).stdout.toString());
    delete process.env.HELIOGRAPH_TEST_SECRET;
    assert.deepEqual([input, output], [null, null]);
    const names = Object.keys(environment);
    assert.deepEqual(
      names.filter((name) => /SSH_AUTH_SOCK|SSH_TTY|DISPLAY|HELIOGRAPH/.test(name)),
      [],
    );
  });

  it('brings every word to the other side byte for byte', async () => {
    const words = fc.sample(fc.array(WORD, { minLength: 20, maxLength: 60 }), { numRuns: 16, seed: 11 });
    assert.ok(words.flat().length > 400, `${words.flat().length}`);
    for (const some of words) {
      const { stdout, exitCode } = await run(['printf', '%s\\0', ...some]);
      assert.equal(exitCode, 0);
      assert.deepEqual(stdout.toString().split('\0').slice(0, -1), some);
    }
  });

  it('stops before it logs in when the host shows another key', async () => {
    const before = started().log().length;
    await assert.rejects(run(['true'], { hostKey: started().otherHostKey }), { code: 'host_key_changed', status: 502 });
    // Another kind of key is another key.
    const rsa = `ssh-rsa ${started().hostKey.split(' ')[1]}`;
    await assert.rejects(run(['true'], { hostKey: rsa }), { code: 'host_key_changed' });
    await run(['true'], { hostKey: `${started().hostKey} a comment` });
    await until(() => started().log().slice(before).includes('Accepted publickey'));
    const said = started().log().slice(before);
    assert.equal(said.match(/Accepted publickey/g)?.length, 1, said);
    assert.equal(said.match(/Postponed publickey/g)?.length, 1, said);
  });

  it('fails with a key that the host does not know', async () => {
    await assert.rejects(run(['true'], { privateKey: started().otherKey }), { code: 'login_refused', status: 502 });
    await assert.rejects(run(['true'], { user: 'nobody-here' }), { code: 'login_refused' });
  });

  it('says nothing of a private key that it cannot read', async () => {
    for (const privateKey of ['hunter2', '', started().privateKey.slice(0, 200), started().otherHostKey]) {
      await assert.rejects(run(['true'], { privateKey }), (error: Error & { code?: string }) => {
        assert.equal(error.code, 'ssh_key_invalid');
        return !error.message.includes('hunter2');
      });
    }
  });

  it('kills what hangs at its time limit, with its children', async () => {
    const file = join(started().folder, 'pids');
    const hang = `require('fs').appendFileSync(${JSON.stringify(file)}, process.pid + '\\n'); setInterval(() => {}, 1000);`;
    const both = `require('child_process').spawn(process.execPath, ['-e', ${JSON.stringify(hang)}], { stdio: 'ignore' }); ${hang}`;
    const began = performance.now();
    await assert.rejects(run([NODE, '-e', both], { timeoutMs: 2_000 }), { code: 'timeout', status: 408 });
    const took = performance.now() - began;
    assert.ok(took >= 1_990 && took < 4_000, `${took} ms`);
    const pids = readFileSync(file, 'utf8').trim().split('\n').map(Number);
    assert.equal(pids.length, 2);
    await until(() => pids.every((pid) => !isAlive(pid)), 2_000);
  });

  it('kills it when nobody wants it any more, with the reason of that', async () => {
    const abort = new AbortController();
    const reason = new Error('enough');
    const file = join(started().folder, 'pid');
    const hang = `require('fs').writeFileSync(${JSON.stringify(file)}, String(process.pid)); setInterval(() => {}, 1000);`;
    const running = run([NODE, '-e', hang], { signal: abort.signal, timeoutMs: 4_000 });
    await until(() => existsSync(file) && readFileSync(file, 'utf8') !== '');
    abort.abort(reason);
    await assert.rejects(running, reason);
    // OpenSSH passes no signals on to root, whose commands end at their time limit then.
    await until(() => !isAlive(Number(readFileSync(file, 'utf8'))), process.getuid?.() === 0 ? 5_000 : 1_000);
    await assert.rejects(run(['true'], { signal: abort.signal }), reason);
  });

  it('keeps 1 MiB of each output, and says which was cut', async () => {
    const file = join(started().folder, 'large');
    writeFileSync(file, Buffer.alloc(3 * MIB, 'x'));
    const cut = await run(['cat', file]);
    assert.deepEqual([cut.stdout.length, cut.isTruncated, cut.exitCode], [MIB, { stdout: true, stderr: false }, 0]);
    const few = await run(['cat', file], { maxBytes: 1_001 });
    assert.deepEqual([few.stdout.length, few.isTruncated.stdout], [1_001, true]);
    const exact = await run(['head', '-c', String(MIB), file]);
    assert.deepEqual([exact.stdout.length, exact.isTruncated.stdout], [MIB, false]);
    const errors = await run([NODE, '-e', `process.stderr.write('e'.repeat(${2 * MIB}))`]);
    assert.deepEqual([errors.stderr.length, errors.isTruncated, errors.stdout.length], [MIB, { stdout: false, stderr: true }, 0]);
  });

  it('kills what does not stop putting out', async () => {
    const began = performance.now();
    const { stdout, isTruncated, exitCode } = await run(['cat', '/dev/zero']);
    assert.deepEqual([stdout.length, isTruncated.stdout, exitCode], [MIB, true, null]);
    assert.ok(performance.now() - began < 5_000);
  });

  describe('where it connects to', () => {
    let server: Server;
    let port: number;
    let connections = 0;
    before(async () => {
      server = createServer((socket) => {
        connections += 1;
        socket
          .on('error', () => {})
          .on('data', () => {})
          .on('end', () => socket.end());
      });
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
      ({ port } = server.address() as { port: number });
    });
    after(() => server.close());
    beforeEach(() => {
      connections = 0;
    });

    it('is loopback only where that is allowed, whatever its name', async () => {
      const guarded = sshClient({ allowLoopback: false, resolve: async () => ['127.0.0.1'] });
      for (const address of ['127.0.0.1', '127.1.2.3', '::1', '::ffff:127.0.0.1', 'inside.example']) {
        await assert.rejects(guarded.run(requestFor(['true'], { address, port })), { code: 'egress_denied' });
      }
      assert.equal(connections, 0);
    });

    it('is never a metadata server or a link-local address', async () => {
      for (const found of [['169.254.169.254'], ['fe80::1'], ['0.0.0.0'], ['127.0.0.1', '169.254.1.1'], ['fd20:ce::254'], []]) {
        const guarded = sshClient({ allowLoopback: true, resolve: async () => found });
        await assert.rejects(guarded.run(requestFor(['true'], { address: 'a.example', port })), { code: 'egress_denied' });
      }
      assert.equal(connections, 0);
    });

    it('is nothing where its name is not resolved in time, or nobody waits any more', async () => {
      const slow = sshClient({ allowLoopback: true, resolve: () => new Promise(() => {}) });
      await assert.rejects(slow.run(requestFor(['true'], { address: 'a.example', timeoutMs: 200 })), { code: 'host_unreachable' });
      const abort = new AbortController();
      const reason = new Error('enough');
      const left = sshClient({
        allowLoopback: true,
        resolve: async () => {
          abort.abort(reason);
          return ['127.0.0.1'];
        },
      });
      await assert.rejects(left.run(requestFor(['true'], { address: 'a.example', port, signal: abort.signal })), reason);
      assert.equal(connections, 0);
    });

    it('is the address that was judged: its name is asked for once', async () => {
      const answers = ['127.0.0.1', '169.254.169.254'];
      let asked = 0;
      const once = sshClient({ allowLoopback: true, resolve: async () => [answers[asked++] ?? ''] });
      assert.equal((await once.run(requestFor(['echo', 'here'], { address: 'a.example' }))).stdout.toString(), 'here\n');
      assert.equal(asked, 1);
    });

    it('gives up on what says nothing, and on what hangs up', async () => {
      await assert.rejects(run(['true'], { port, timeoutMs: 500 }), { code: 'timeout' });
      server.once('connection', (socket) => socket.end('HTTP/1.1 400 no\r\n\r\n'));
      await assert.rejects(run(['true'], { port }), { code: 'host_unreachable' });
      await assert.rejects(run(['true'], { port: 1 }), { code: 'host_unreachable' });
    });
  });
});

/** Everything that a word may hold. */
const WORD = fc
  .string({
    unit: fc.oneof(
      fc.constantFrom(...`'"\\$\`!;|&<>()*?[]{}~#^ =%-nté`),
      fc.string({ unit: 'binary', minLength: 1, maxLength: 1 }),
    ),
  })
  .filter((text) => !/[\p{Cc}\p{Cs}\p{Zl}\p{Zp}]/u.test(text));

const isAlive = (pid: number): boolean => {
  try {
    process.kill(pid, 0);
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
};

/** Connections that its sshd still serves. */
function childrenOf({ pid }: Sshd): number {
  return readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter(Boolean).length;
}
