import { randomBytes } from 'node:crypto';
import { extname } from 'node:path';
import type { Bucket } from '@google-cloud/storage';
import { crew } from '../core/backups/ahead.ts';
import type { BucketPlace } from '../core/bucket-path.ts';
import { Problem } from '../core/errors.ts';
import type { TreeReplacement } from '../core/ports.ts';
import { applyPlan, overtakenProblem } from './bucket-apply.ts';
import { FILE_MODE, FOLDER_MODE, generationOf, linkObject, withMode } from './bucket-entries.ts';
import { type Snapshot, snapshotOf } from './bucket-lists.ts';
import { bucketLocks, type HeldLock, LockLost } from './bucket-lock.ts';
import { objectNameOf } from './bucket-place.ts';
import { firstChange, planOf, refuseHeld, refuseInTheWay, type Step, type Target } from './bucket-plan.ts';
import { bucketProblem } from './bucket-problems.ts';
import { cleanUp, lockName, planName, settle } from './bucket-recovery.ts';
import { described, inOrder, stageBytes, stageObject, upTo } from './bucket-stage.ts';

/** Small files that are staged at once, beside those whose content is just being read; a longer one is staged as it is read. */
const UPLOADS = 16;
const SMALL_BYTES = 1_048_576;
/** What is longer helps no guess at a content's type. */
const EXTENSION_LENGTH = 20;

/**
 * Exchanges the objects of a project for others. What is new is staged outside of the project; at the commit a plan of every write
 * and delete, with the generation of what is there now, is made binding by one conditional write to the lock; then it is carried out,
 * each step under its generation. A crash before that leaves nothing, one after it is completed by whoever comes next.
 *
 * Throws `Problem` 409 `project_busy`, and what listing the project throws.
 */
export async function bucketReplacement(
  bucket: Bucket,
  place: BucketPlace,
  patterns: readonly string[],
  leaseMs: number,
): Promise<TreeReplacement> {
  const name = lockName(place.path);
  const work = name.replace(/lock$/, `${randomBytes(8).toString('hex')}/`);
  if ((await settle(bucket, name, leaseMs)) !== undefined) throw busy();
  const lock = await bucketLocks(bucket, leaseMs).take(name, { project: place.path, work, phase: 'building' });
  if (lock === undefined) throw busy();
  try {
    return replacement(bucket, place, patterns, { lock, work, begun: await snapshotOf(bucket, place, patterns) });
  } catch (error) {
    await abandon(bucket, work, lock).catch(() => lock.letGo());
    throw error;
  }
}

interface Begun {
  readonly lock: HeldLock;
  readonly work: string;
  /** Before anything was read for the safety backup. Unchanged at the commit, it is what that backup holds. */
  readonly begun: Snapshot;
}

function replacement(
  bucket: Bucket,
  place: BucketPlace,
  patterns: readonly string[],
  { lock, work, begun }: Begun,
): TreeReplacement {
  const targets = new Map<string, Target>();
  const uploads = crew(UPLOADS);
  const guarded = (work: Promise<void>) =>
    work.catch((error) => {
      throw error instanceof LockLost ? busy(error) : bucketProblem(place.path, error);
    });
  let phase: 'building' | 'applying' | 'done' = 'building';
  let staged = 0;
  const stagedName = (path: string) => {
    staged += 1;
    const extension = extname(path);
    return `${work}${staged}${extension.length > EXTENSION_LENGTH ? '' : extension}`;
  };

  async function stage(target: Exclude<Target, { kind: 'file' }>) {
    const { content, metadata } =
      target.kind === 'link'
        ? linkObject(target.target)
        : { content: Buffer.alloc(0), metadata: withMode({}, target.mode, FOLDER_MODE) };
    return stageObject(bucket, stagedName(''), once(content), { contentType: 'text/plain', metadata });
  }

  async function commit(): Promise<void> {
    await uploads.end();
    const now = await snapshotOf(bucket, place, patterns);
    const changed = firstChange(begun, now);
    if (changed !== undefined) {
      const message = `${JSON.stringify(changed)} has changed during the rollback. Nothing was rolled back.`;
      throw new Problem(409, 'project_changed', message);
    }
    refuseInTheWay(now, targets);
    const steps: Step[] = await planOf(place, now, targets, stage);
    refuseHeld(now, steps);
    const plan = Buffer.from(JSON.stringify(steps));
    await stageObject(bucket, planName(work), once(plan), { contentType: 'application/json' });
    // From here on an answer that is lost may mean either; whoever comes next knows.
    phase = 'applying';
    await lock.commit().catch((error) => {
      if (error instanceof LockLost) phase = 'done';
      throw error;
    });
    const overtaken = await applyPlan(bucket, steps);
    await cleanUp(bucket, work);
    await lock.release();
    phase = 'done';
    if (overtaken.length > 0) throw overtakenProblem(place.path, overtaken);
  }

  return {
    async folder(path, mode) {
      targets.set(path, { kind: 'folder', mode });
    },
    async keep(path, mode, stamp) {
      const entry = begun.entries.get(path)?.entry;
      const isKept = entry?.kind === 'file' && generationOf(entry.stamp) === generationOf(stamp);
      if (isKept) targets.set(path, { kind: 'file', mode });
      return isKept;
    },
    async file(path, mode, content) {
      const before = begun.entries.get(path);
      objectNameOf(place, path);
      const description = described(before?.object);
      const metadata = { ...description, metadata: withMode(description.metadata, mode, FILE_MODE) };
      // A small one is read to its end before this returns: what is wrong with it shows there, and is to be told of this file.
      const { bytes, rest } = await upTo(SMALL_BYTES, content);
      const name = stagedName(path);
      const staging = async () => {
        const object = await (rest === undefined
          ? stageBytes(bucket, name, bytes, metadata)
          : stageObject(bucket, name, inOrder([bytes], rest), metadata));
        targets.set(path, { kind: 'file', mode, staged: object });
      };
      await guarded(rest === undefined ? uploads.add(staging) : staging());
    },
    async link(path, target) {
      targets.set(path, { kind: 'link', target });
    },
    commit: () => guarded(commit()),
    async close() {
      // What is on its way would come after everything was removed.
      await uploads.end().catch(() => {});
      // What cannot be removed now is left to whoever comes once the lock has run out; the reason that brought us here counts.
      if (phase === 'building') await abandon(bucket, work, lock).catch(() => {});
      lock.letGo();
    },
  };
}

async function abandon(bucket: Bucket, work: string, lock: HeldLock): Promise<void> {
  await cleanUp(bucket, work);
  await lock.release();
}

async function* once(content: Buffer): AsyncGenerator<Buffer> {
  yield content;
}

const busy = (cause?: unknown) => new Problem(409, 'project_busy', 'Another rollback of this project is at work.', { cause });
