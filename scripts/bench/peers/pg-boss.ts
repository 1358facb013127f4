/** pg-boss on a PostgreSQL with its own defaults, which sync each commit. */

import { execFile, execFileSync } from 'node:child_process';
import { chown, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { freePorts } from '../../../emulator-bridge/loopback.ts';
import { type Contender, temporaryFolder } from '../contender.ts';
import type { Load } from '../load-loop.ts';
import { startLoad, startMeasured } from '../measured-process.ts';
import { findProgram, startNative } from './native.ts';
import { installPeers } from './packages.ts';

/** Rejects where there is no PostgreSQL, or the packages cannot be installed. */
export async function startPgBoss(release: AsyncDisposableStack): Promise<Record<'pgBoss', Contender>> {
  const [initdb, postgres] = [findProgram('initdb'), findProgram('postgres')];
  await installPeers();
  const folder = await temporaryFolder(release);
  const [port] = await freePorts(1);
  const user = ordinaryUser();
  if (user !== undefined) await chown(folder, user.uid, user.gid);
  const data = join(folder, 'data');
  await promisify(execFile)(initdb, ['-D', data, '-U', 'bench', '-A', 'trust', '-E', 'UTF8', '--locale=C'], user);
  const where = ['-c', 'listen_addresses=127.0.0.1', '-c', 'unix_socket_directories=', '-p', String(port)];
  const server = await startNative([postgres, '-D', data, ...where], { ready: /ready to accept connections/, ...user });
  release.adopt(server, async (it) => {
    // Killed outright it would leave its shared memory behind.
    const pid = await readFile(join(data, 'postmaster.pid'), 'utf8').then(
      (text) => Number.parseInt(text, 10),
      () => undefined,
    );
    if (pid === undefined) return it.stop();
    process.kill(pid, 'SIGINT');
    await it.ended;
  });
  const url = `postgresql://bench@127.0.0.1:${port}/postgres`;
  release.adopt(await startMeasured('./peers/pg-boss-worker.ts', [url]), (it) => it.stop());
  const load = release.adopt(startLoad<Load>('./peers/pg-boss-load.ts', [url]), (it) => it.stop());
  return { pgBoss: { run: (wanted) => load.run(wanted) } };
}

/** PostgreSQL refuses to run as root: whom to run it as then, else `undefined`. */
function ordinaryUser(): { readonly uid: number; readonly gid: number } | undefined {
  if (process.getuid?.() !== 0) return undefined;
  for (const name of ['postgres', 'nobody']) {
    const id = (flag: string) => Number(execFileSync('id', [flag, name], { stdio: ['ignore', 'pipe', 'ignore'] }).toString());
    try {
      return { uid: id('-u'), gid: id('-g') };
    } catch {
      // No such user.
    }
  }
  throw new Error('PostgreSQL refuses root, and there is no other user to run it as');
}
