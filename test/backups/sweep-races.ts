import assert from 'node:assert/strict';
import fc from 'fast-check';
import { newBackupId } from '../../functions/core/backups/manifest.ts';
import { expireBackups, sweepBackups } from '../../functions/core/backups/sweep.ts';
import { takeBackup } from '../../functions/core/backups/take.ts';
import { verifyBackup } from '../../functions/core/backups/verify.ts';
import { signingFrom } from '../../functions/core/signing.ts';
import { memoryObjects, memoryTree } from './memory-parts.ts';

const HOUR_MS = 3_600_000;
const POLICY = { last: 1, daily: 0, weekly: 0 };

type Step =
  | { readonly kind: 'take' | 'expire' | 'sweep' }
  | { readonly kind: 'change'; readonly path: string; readonly text: string | undefined }
  | { readonly kind: 'wait'; readonly hours: number };

const change = fc.record({
  kind: fc.constant('change' as const),
  path: fc.constantFrom('a', 'b', 'c'),
  // Few, so that what was removed comes again.
  text: fc.option(fc.constantFrom('one', 'two'), { nil: undefined }),
});
const step: fc.Arbitrary<Step> = fc.oneof(
  change,
  change,
  fc.record({ kind: fc.constantFrom('take' as const, 'expire' as const, 'sweep' as const) }),
  fc.record({ kind: fc.constantFrom('take' as const, 'expire' as const, 'sweep' as const) }),
  fc.record({ kind: fc.constant('wait' as const), hours: fc.constantFrom(1, 5, 11, 13, 24, 26, 60, 60) }),
);

/** What runs, whatever runs at the same time, and in which order their calls reach the store, every backup that there is stays whole. */
export async function raceSweeps(
  runs: number,
  replay: Record<string, unknown> = {},
): Promise<{ readonly backups: number; readonly sweptBlobs: number }> {
  const counts = { backups: 0, sweptBlobs: 0 };
  await fc.assert(
    fc.asyncProperty(
      fc.array(step, { minLength: 20, maxLength: 80, size: 'max' }),
      fc.infiniteStream(fc.nat(1_000)),
      async (steps, chance) => {
        const next = () => chance.next().value as number;
        let now = Date.UTC(2026, 0, 1);
        const clock = { now: () => now, sleep: async () => {}, after: () => () => {} };
        // Of the same chance, so that a seed tells the same story again.
        const ids = {
          random: (bytes: number) => Array.from({ length: bytes }, () => (next() % 256).toString(16).padStart(2, '0')).join(''),
          below: (below: number) => next() % below,
        };
        const waiting: (() => void)[] = [];
        const objects = memoryObjects(clock, () => new Promise((resolve) => waiting.push(resolve)));
        const parts = { objects, clock, ids, signing: signingFrom('a key that is long enough for these tests') };
        const tree = memoryTree();
        const running = new Set<Promise<unknown>>();
        const start = (work: Promise<unknown>) => {
          const run: Promise<unknown> = work.finally(() => running.delete(run));
          running.add(run);
        };
        /** Lets one of the calls through that wait, whichever, and sometimes time pass. */
        const letOne = async () => {
          for (let turn = 0; turn < 3; turn += 1) await new Promise((resolve) => setImmediate(resolve));
          if (next() % 4 === 0) now += (next() % 4) * HOUR_MS;
          waiting.splice(next() % Math.max(1, waiting.length), 1)[0]?.();
        };
        for (const one of steps) {
          if (one.kind === 'change') tree.set(one.path, one.text);
          if (one.kind === 'wait') now += one.hours * HOUR_MS;
          if (one.kind === 'expire') start(expireBackups(parts, 'p', POLICY));
          if (one.kind === 'sweep') start(sweepBackups(parts).then(({ blobs }) => (counts.sweptBlobs += blobs)));
          if (one.kind === 'take') {
            const request = { projectId: 'p', backupId: newBackupId(parts), description: '' };
            const taken = takeBackup(parts, tree, request).then(
              () => (counts.backups += 1),
              (error) => assert.equal(error.code, 'backup_too_slow'),
            );
            start(taken);
          }
          for (let calls = next() % 12; calls > 0; calls -= 1) await letOne();
        }
        while (running.size > 0) await letOne();

        const quiet = { ...parts, objects: Object.assign(memoryObjects(clock), {}) };
        for (const [name, object] of objects.all) quiet.objects.all.set(name, object);
        for (const name of objects.all.keys()) {
          const [kind, projectId = '', backupId = ''] = name.split('/');
          if (kind !== 'manifests') continue;
          assert.deepEqual((await verifyBackup(quiet, { projectId, backupId })).corrupt, []);
        }
      },
    ),
    { numRuns: runs, ...replay },
  );
  return counts;
}
