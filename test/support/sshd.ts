/** A real sshd for tests: on loopback, with keys of its own, run as the present user, in a folder that goes with it. */

import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { temporaryFolder, until } from './folder.ts';

const SSHD = ['/usr/sbin/sshd', '/usr/local/sbin/sshd', '/opt/homebrew/sbin/sshd'].find((path) => existsSync(path));

export interface Sshd {
  readonly pid: number;
  readonly port: number;
  readonly user: string;
  /** `ssh-ed25519 AAAA…`. */
  readonly hostKey: string;
  readonly privateKey: string;
  /** One that the host does not know. */
  readonly otherKey: string;
  /** The public half of another key. */
  readonly otherHostKey: string;
  /** A folder for what the tests leave. */
  readonly folder: string;
  /** What sshd has said so far. */
  log(): string;
  stop(): Promise<void>;
}

/**
 * A suite that needs an sshd: `started` gives the one that runs while the suite does. Where there is none, the suite says so and
 * its tests are pending.
 */
export function describeWithSshd(title: string, suite: (this: Mocha.Suite, started: () => Sshd) => void): void {
  describe(`${title} (sshd)`, function () {
    let sshd: Sshd | undefined;
    before(async function () {
      if (SSHD === undefined) {
        console.log('      DID NOT RUN: there is no sshd here. On Debian: apt-get install openssh-server.');
        return this.skip();
      }
      sshd = await startSshd(SSHD);
    });
    suite.call(this, () => sshd as Sshd);
    after(() => sshd?.stop());
  });
}

async function startSshd(program: string): Promise<Sshd> {
  const folder = temporaryFolder();
  const path = (name: string) => join(folder.path, name);
  for (const name of ['host', 'user', 'other']) {
    execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', '', '-f', path(name)]);
  }
  const publicKey = (name: string) => readFileSync(path(`${name}.pub`), 'utf8').trim();
  writeFileSync(path('authorized_keys'), `${publicKey('user')}\n`, { mode: 0o600 });
  mkdirSync(path('left'));
  const port = await freePort();
  const settings = {
    ListenAddress: `127.0.0.1:${port}`,
    HostKey: path('host'),
    PidFile: 'none',
    AuthorizedKeysFile: path('authorized_keys'),
    // The folder for temporary files is everybody's.
    StrictModes: 'no',
    AuthenticationMethods: 'publickey',
    PermitRootLogin: 'prohibit-password',
    UsePAM: 'no',
    LogLevel: 'VERBOSE',
  };
  writeFileSync(
    path('config'),
    Object.entries(settings)
      .map((pair) => pair.join(' '))
      .join('\n'),
  );
  // As root it wants its folder for privilege separation.
  if (process.getuid?.() === 0) mkdirSync('/run/sshd', { recursive: true });
  const child = spawn(program, ['-D', '-e', '-f', path('config')], { stdio: ['ignore', 'ignore', 'pipe'] });
  let log = '';
  child.stderr.on('data', (text) => {
    log += text;
  });
  await until(() => {
    if (child.exitCode !== null) throw new Error(`sshd has ended:\n${log}`);
    return /Server listening/.test(log);
  });
  return {
    pid: child.pid as number,
    port,
    user: userInfo().username,
    hostKey: publicKey('host'),
    privateKey: readFileSync(path('user'), 'utf8'),
    otherKey: readFileSync(path('other'), 'utf8'),
    otherHostKey: publicKey('other'),
    folder: path('left'),
    log: () => log,
    async stop() {
      await ended(child);
      folder.remove();
    },
  };
}

async function freePort(): Promise<number> {
  const server: Server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}

function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null) return Promise.resolve();
  return new Promise((resolve) => {
    child.once('exit', () => resolve());
    child.kill('SIGTERM');
  });
}
