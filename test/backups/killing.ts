/** `npm start` is killed while it takes backups and rolls back, and started again on the same data. */

import assert from 'node:assert/strict';
import { randomBytes, randomInt } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { makeProject, projectRoot, type RolledBack, type Submitted, seen, spoil, write } from '../projects/kit.ts';
import { temporaryFolder, until } from '../support/folder.ts';
import { type Started, started } from '../support/started.ts';

const QUICK = [
  'logLevel=error',
  'times.sweepMs=300',
  'times.republishMs=500',
  'times.backupLeaseMs=1000',
  'times.backupWaitMs=20000',
];
const SLOWEST_MS = 900;

interface Shown {
  readonly latest_backup: { readonly backup_id: string; readonly status: string };
  readonly latest_rollback?: { readonly rollback_id: string; readonly status: string; readonly safety_backup_id?: string };
}

/** What came of the kills, so that a test can see that they met something. */
export interface Killed {
  readonly backups: number;
  readonly rollbacks: number;
}

export async function killWhileAtWork(kills: number): Promise<Killed> {
  const data = temporaryFolder();
  const root = projectRoot();
  const project = makeProject(join(root.path, 'killed'));
  for (let n = 0; n < 400; n += 1) write(join(project, `many/${n % 20}/${n}.bin`), randomBytes(8_192).toString('base64'));
  let running = await start(data.path, root.path);
  const met = { backups: 0, rollbacks: 0 };
  try {
    const first = await post<Submitted>(running, '/submit-project', { project_path: project });
    const before = seen(project);
    const shown = () => get<Shown>(running, `/projects/${first.project_id}`);
    /** Kills it some time after a request was sent; starts it again, and waits until nothing is at work. */
    const killed = async (path: string, body: object): Promise<Shown> => {
      const request = post(running, path, body).catch(() => undefined);
      await pause(randomInt(SLOWEST_MS));
      await running.end('SIGKILL');
      await request;
      running = await start(data.path, root.path);
      await until(async () => {
        const { latest_backup, latest_rollback } = await shown();
        return latest_backup.status !== 'running' && latest_rollback?.status !== 'running';
      }, 30_000);
      return shown();
    };
    for (let kill = 0; kill < kills; kill++) {
      writeFileSync(join(project, 'app.py'), `changed = ${kill}\n`);
      const changed = seen(project);
      const { latest_backup } = await killed('/submit-project', { project_path: project });
      assert.equal(latest_backup.status, 'verified');
      assert.deepEqual(seen(project), changed, 'a backup changes nothing');
      if (latest_backup.backup_id !== first.backup_id) met.backups += 1;
    }
    for (let kill = 0; kill < kills; kill++) {
      spoil(project);
      writeFileSync(join(project, 'added/new.py'), `kill = ${kill}\n`);
      const spoilt = seen(project);
      const last = (await shown()).latest_rollback?.rollback_id;
      const { latest_rollback } = await killed(`/rollback/${first.backup_id}`, {});
      if (latest_rollback === undefined || latest_rollback.rollback_id === last) {
        assert.deepEqual(seen(project), spoilt, 'it was killed before anything was asked for');
        continue;
      }
      met.rollbacks += 1;
      assert.equal(latest_rollback.status, 'succeeded');
      assert.deepEqual(seen(project), before, 'the whole backup');
      const undone = await post<RolledBack>(running, `/rollback/${latest_rollback.safety_backup_id}`, {});
      assert.equal(undone.status, 'success', JSON.stringify(undone));
      assert.deepEqual(seen(project), spoilt, 'its safety backup holds what there was');
    }
    return met;
  } finally {
    await running.end('SIGKILL');
    data.remove();
    root.remove();
  }
}

function start(dataDir: string, root: string): Promise<Started> {
  const settings = QUICK.flatMap((setting) => ['--set', setting]);
  return started(['--port', '0', '--data-dir', dataDir, ...settings], { ORCHESTRATOR_PROJECT_ROOTS: root });
}

async function post<T>({ url }: Started, path: string, body: object): Promise<T> {
  const headers = { 'content-type': 'application/json' };
  return (await (await fetch(url + path, { method: 'POST', headers, body: JSON.stringify(body) })).json()) as T;
}

const get = async <T>({ url }: Started, path: string): Promise<T> => (await (await fetch(url + path)).json()) as T;
