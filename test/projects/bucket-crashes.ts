import assert from 'node:assert/strict';
import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { fileObjects } from '../../functions/adapters/files.ts';
import { temporaryFolder } from '../support/folder.ts';
import { type BucketKit, bucketKit, LEASE_MS } from './bucket-kit.ts';
import { treeIn } from './bucket-views.ts';

const CHILD = fileURLToPath(new URL('bucket-child.ts', import.meta.url));
const PREFIX = 'team/project/';
/** The store tells its time in whole seconds. */
const runOut = () => new Promise((resolve) => setTimeout(resolve, LEASE_MS + 1_100));

async function fill(at: BucketKit, text: string, from: number, to: number): Promise<void> {
  const names = Array.from({ length: to - from }, (_, index) => from + index);
  await Promise.all(names.map((index) => at.put(`${index % 5}/f${index}`, `${text} ${index}`)));
}

/** Kills rollbacks at random moments; after each, whoever comes next finds the old tree or makes it the new one. */
export async function killBucketRollbacks(
  times: number,
): Promise<{ readonly killed: number; readonly old: number; readonly fresh: number }> {
  const within = temporaryFolder();
  const at = await bucketKit({ objects: fileObjects({ folder: within.path }), versioning: true });
  const counts = { killed: 0, old: 0, fresh: 0 };
  try {
    await at.put('.gitignore', '*.tmp\n');
    await fill(at, 'first', 0, 40);
    const backupId = await at.backup();
    const fresh = await treeIn(at.bucket, PREFIX);
    const edit = async () => {
      await fill(at, 'second', 0, 20);
      await fill(at, 'added', 60, 70);
      await Promise.all(
        [31, 32, 33].map((index) => at.bucket.file(`${PREFIX}${index % 5}/f${index}`).delete({ ignoreNotFound: true })),
      );
      await at.put('link', '', { gcsfuse_symlink_target: 'nowhere' });
      await at.put('0/ignored.tmp', 'ignored');
    };
    await edit();
    const old = await treeIn(at.bucket, PREFIX);
    const expected = { ...fresh, '0/ignored.tmp': 'file 644 ignored' };
    const { ms } = await inChild(at, within.path, backupId);
    assert.deepEqual(sorted(await treeIn(at.bucket, PREFIX)), sorted(expected));
    for (let run = 0; run < times; run += 1) {
      await edit();
      // Every moment alike, and the last third, in which the objects are exchanged, twice more; some take longer than the first.
      const part = run % 3 === 0 ? Math.random() : 0.6 + 0.45 * Math.random();
      const { signal, stderr } = await inChild(at, within.path, backupId, part * ms);
      if (signal === 'SIGKILL') counts.killed += 1;
      else assert.equal(stderr, '');
      // Each way of coming next: a start, which waits by itself for what was committed; a later start; just the next use.
      if (run % 3 !== 0) await runOut();
      if (run % 3 === 2) await at.tree();
      const recovered = await at.parts.trees.recover();
      assert.deepEqual(
        recovered.filter(({ problem }) => problem),
        [],
      );
      const found = sorted(await treeIn(at.bucket, PREFIX));
      const isOld = JSON.stringify(found) === JSON.stringify(sorted(old));
      if (!isOld) assert.deepEqual(found, sorted(expected), `run ${run}: neither the old tree nor the new one`);
      counts[isOld ? 'old' : 'fresh'] += 1;
      // What was not committed is left to whoever comes later.
      if (run % 3 === 0) await runOut();
    }
    await at.parts.trees.recover();
    assert.deepEqual(await at.leftovers(), []);
    return counts;
  } finally {
    await at.close();
    within.remove();
  }
}

/** Ended by SIGKILL after `killAfterMs` of its work, if it has not ended by then. */
async function inChild(at: BucketKit, objects: string, backupId: string, killAfterMs?: number) {
  const child = fork(CHILD, [at.bucket.name, objects, backupId], {
    stdio: ['ignore', 'inherit', 'pipe', 'ipc'],
    env: { ...process.env, STORAGE_EMULATOR_HOST: at.url },
  });
  let stderr = '';
  child.stderr?.on('data', (chunk) => {
    stderr += chunk;
  });
  const ended = new Promise<NodeJS.Signals | null>((resolve) => {
    child.once('close', (_code, signal) => resolve(signal));
  });
  await Promise.race([new Promise((resolve) => child.once('message', resolve)), ended]);
  const started = performance.now();
  if (child.connected) child.send('go');
  const timer = killAfterMs === undefined ? undefined : setTimeout(() => child.kill('SIGKILL'), killAfterMs);
  const signal = await ended;
  clearTimeout(timer);
  return { ms: performance.now() - started, signal, stderr };
}

const sorted = (tree: Record<string, string>) => Object.fromEntries(Object.entries(tree).sort(([a], [b]) => (a < b ? -1 : 1)));
