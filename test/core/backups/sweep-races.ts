import assert from 'node:assert/strict';
import fc from 'fast-check';
import { backupIds, newBackupId } from '../../../functions/core/backups/manifest.ts';
import { rollBack } from '../../../functions/core/backups/rollback.ts';
import { expireBackups, sweepBackups } from '../../../functions/core/backups/sweep.ts';
import { takeBackup } from '../../../functions/core/backups/take.ts';
import { memoryTree, memoryTrees } from './memory-parts.ts';
import { HOUR_MS, simulatedWorld, textsOf, type Worker } from './world.ts';

const POLICY = { last: 1, daily: 0, weekly: 0 };

const ACTS = ['take', 'take', 'again', 'slice', 'expire', 'expire', 'sweep', 'sweep', 'roll-back', 'roll-back', 'end'] as const;
const act = fc.record({ kind: fc.constantFrom(...ACTS), which: fc.nat(1_000) });
const change = fc.record({
  kind: fc.constant('change' as const),
  path: fc.constantFrom('a', 'b', 'c'),
  // Few, so that what was removed comes again.
  text: fc.option(fc.constantFrom('one', 'two'), { nil: undefined }),
});
const wait = fc.record({ kind: fc.constant('wait' as const), hours: fc.constantFrom(1, 5, 11, 13, 24, 26, 60, 60) });
const step = fc.oneof(change, change, act, act, wait);

export interface Raced {
  backups: number;
  /** That two or more workers said were done. */
  twice: number;
  sweptBlobs: number;
  rollbacks: number;
  ended: number;
}

/**
 * What runs, whatever runs at the same time (also twice for one backup), in whatever order their calls reach the store, wherever
 * they are ended, with clocks that are minutes off: every backup that is listed is whole, whoever says that one is done says the
 * same of it as all others, no such backup goes unless it was given up, and a rollback gives what its backup holds, and
 * its safety backup what there was before.
 */
export async function raceSweeps(runs: number, replay: Record<string, unknown> = {}): Promise<Raced> {
  const counts = { backups: 0, twice: 0, sweptBlobs: 0, rollbacks: 0, ended: 0 };
  const story = fc.tuple(fc.array(step, { minLength: 20, maxLength: 80, size: 'max' }), fc.infiniteStream(fc.nat(1_000)));
  await fc.assert(
    fc.asyncProperty(story, async ([steps, chance]) => {
      const next = () => chance.next().value as number;
      const world = simulatedWorld(next);
      const tree = memoryTree();
      const trees = memoryTrees(tree);
      const begun: string[] = [];
      /** By id: what was said to be done. */
      const done = new Map<string, string>();
      const running = new Map<Promise<unknown>, Worker>();
      const failures: unknown[] = [];

      function start(work: (worker: Worker) => Promise<unknown>): void {
        const worker = world.worker();
        const run: Promise<unknown> = Promise.race([work(worker), worker.ended])
          .catch((error) => failures.push(error))
          .finally(() => running.delete(run));
        running.set(run, worker);
      }

      function take(backupId: string, sliceMs?: number): void {
        start(async ({ parts }) => {
          const until = sliceMs === undefined ? undefined : parts.clock.now() + sliceMs;
          const outcome = await takeBackup(parts, tree, { projectId: 'p', backupId, description: '', until }).catch((error) => {
            assert.equal(error.code, 'backup_too_slow');
          });
          if (outcome?.done === false) take(backupId, sliceMs);
          if (outcome?.done) finished(backupId, outcome.manifestHash);
        });
      }

      function finished(backupId: string, hash: string): void {
        counts[done.has(backupId) ? 'twice' : 'backups'] += 1;
        assert.equal(done.get(backupId) ?? hash, hash, 'one backup, two contents');
        done.set(backupId, hash);
      }

      function begin(sliceMs?: number): void {
        const backupId = newBackupId(world.worker().parts);
        begun.push(backupId);
        take(backupId, sliceMs);
      }

      async function goBack({ parts, ended }: Worker, which: number): Promise<void> {
        const ids = await backupIds(parts, 'p');
        const backupId = ids[which % ids.length];
        if (backupId === undefined) return;
        const expected = await textsOf(world.now(), backupId).catch((error) => {
          assert.ok(world.givenUp.has(backupId), `${error.message} ${backupId}`);
        });
        let hasLock = false;
        let before: Record<string, string> = {};
        ended.then(() => hasLock && trees.letGo());
        const own = {
          ...trees,
          async replace(...given: Parameters<typeof trees.replace>) {
            const replacement = await trees.replace(...given);
            hasLock = true;
            const commit = async () => {
              before = tree.texts();
              await replacement.commit();
              assert.deepEqual(tree.texts(), expected);
            };
            return { ...replacement, commit };
          },
        };
        try {
          const rolledBack = await rollBack({ ...parts, trees: own as never }, tree, { projectId: 'p', backupId });
          const { safety_backup_id: safety } = rolledBack;
          if (!world.givenUp.has(safety)) assert.deepEqual(await textsOf(world.now(), safety), before);
          counts.rollbacks += 1;
        } catch (error) {
          const { code = '' } = error as { code?: string };
          const ofSwept = world.givenUp.has(backupId) ? ['backup_not_found', 'backup_corrupt'] : [];
          if (!['project_busy', 'project_changed', 'backup_too_slow', ...ofSwept].includes(code)) throw error;
        } finally {
          hasLock = false;
        }
      }

      for (const one of steps) {
        if (one.kind === 'change') tree.set(one.path, one.text);
        if (one.kind === 'wait') world.pass(one.hours);
        if (one.kind === 'take') begin();
        if (one.kind === 'slice') begin((one.which % 5) * HOUR_MS);
        if (one.kind === 'again' && begun.length > 0) take(begun.at(-1 - (one.which % Math.min(3, begun.length))) as string);
        if (one.kind === 'expire') start(({ parts }) => expireBackups(parts, 'p', POLICY));
        if (one.kind === 'sweep') start(async ({ parts }) => (counts.sweptBlobs += (await sweepBackups(parts)).blobs));
        if (one.kind === 'roll-back') start((worker) => goBack(worker, one.which));
        if (one.kind === 'end' && running.size > 0) {
          [...running.values()][one.which % running.size]?.end();
          counts.ended += 1;
        }
        for (let calls = next() % 12; calls > 0; calls -= 1) await world.letOne(running);
      }
      while (running.size > 0) await world.letOne(running);
      if (failures.length > 0) throw failures[0];

      for (const backupId of await backupIds(world.now(), 'p')) await textsOf(world.now(), backupId);
      for (const backupId of done.keys()) assert.ok(world.has(backupId) || world.givenUp.has(backupId), `${backupId} is gone`);
    }),
    { numRuns: runs, ...replay },
  );
  return counts;
}
