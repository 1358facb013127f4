import { join } from 'node:path';
import { fileSecrets } from '../../../functions/adapters/secret-file.ts';
import { describeWithEmulators } from '../../support/emulators.ts';
import { temporaryFolder } from '../../support/folder.ts';
import { describeWithSshd, type Sshd } from '../../support/sshd.ts';
import type { TestStack } from '../../support/stack.ts';
import { embeddedStack } from '../../support/stack-embedded.ts';
import { emulatedStack } from '../../support/stack-emulated.ts';
import { sshCommands } from './ssh-commands.ts';
import { sshRefusals } from './ssh-refusals.ts';

describeWithSshd('ssh.exec', function (sshd) {
  this.timeout(120_000);

  describe('embedded', () => runs(sshd, embeddedStack, 1));
  describeWithEmulators("on Google's emulators", () => runs(sshd, emulatedStack, 25));
});

/** What has to be the same on every runtime. Of the injections one in `every` is tried. */
function runs(sshd: () => Sshd, start: (flags: Record<string, unknown>) => Promise<TestStack>, every: number): void {
  const folder = temporaryFolder();
  let stack: TestStack;
  before(async () => {
    const { port, user, hostKey, privateKey, otherHostKey, otherKey } = sshd();
    const keys = JSON.stringify({ admin: privateKey, stranger: otherKey, broken: 'no key' });
    await fileSecrets({ folder: join(folder.path, 'secrets') }).write('ssh-keys', keys);
    const host = { address: '127.0.0.1', port, user, hostKey, keySecret: 'admin' };
    stack = await start({
      dataDir: folder.path,
      'times.orchestrateWaitMs': 20_000,
      dangerousIntents: ['ssh.exec'],
      sshHosts: [
        { ...host, name: 'server', commands: ['touch', 'sleep', 'cat', 'echo'] },
        { ...host, name: 'only-looked-at' },
        { ...host, name: 'impostor', hostKey: otherHostKey, commands: ['touch'] },
        { ...host, name: 'stranger', keySecret: 'stranger', commands: ['touch'] },
        { ...host, name: 'keyless', keySecret: 'nobody', commands: ['touch'] },
        { ...host, name: 'broken', keySecret: 'broken', commands: ['touch'] },
      ],
    });
  });
  after(async () => {
    await stack?.stop();
    folder.remove();
  });

  describe('runs', () => sshCommands(() => stack, sshd));
  describe('refuses', () => sshRefusals(() => stack, sshd, every));
}
