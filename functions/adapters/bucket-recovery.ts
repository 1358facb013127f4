import { createHash } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Bucket } from '@google-cloud/storage';
import { parseBucketPath } from '../core/bucket-path.ts';
import type { ProjectTrees } from '../core/ports.ts';
import { applyPlan, overtakenProblem, removeAll } from './bucket-apply.ts';
import { bucketLocks, type FoundLock, type LockState } from './bucket-lock.ts';
import { WORK_PREFIX } from './bucket-place.ts';
import { checkedPlan, type Step } from './bucket-plan.ts';
import { bucketProblem, forgedLock } from './bucket-problems.ts';
import { LONGEST_CALL_MS, statusOf } from './storage-client.ts';
import { within } from './within.ts';

export type Outcome = Awaited<ReturnType<ProjectTrees['recover']>>[number];

/** Of the store's times: the header that tells its clock has whole seconds. */
const CLOCK_STEP_MS = 1000;
/** What nobody's lock names, and is older, no rollback works on. */
const STRAY_MS = 86_400_000;

export const lockName = (project: string): string =>
  `${WORK_PREFIX}${createHash('sha256').update(project).digest('hex').slice(0, 40)}/lock`;

/** Beside what is staged. Written before the lock says that it is committed, and the first that goes once all of it is done. */
export const planName = (work: string): string => `${work}plan`;

/**
 * Brings to its end what a dead holder left of a lock. Gives the lock of one who is alive. Throws what the steps throw: then the
 * lock runs out once more, for the next who tries.
 */
export async function settle(bucket: Bucket, name: string, leaseMs: number): Promise<FoundLock | undefined> {
  const lock = await bucketLocks(bucket, leaseMs).read(name);
  if (lock !== undefined && !isSound(bucket, name, lock.state)) throw forgedLock(bucket.name, name);
  if (lock === undefined || lock.ageMs < leaseMs) return lock;
  return (await finishDead(bucket, name, lock, leaseMs)) === undefined ? lock : undefined;
}

/**
 * Whether a lock says what one of ours at this name says. Whoever believed any other would remove, as what was staged, whatever it
 * names: more than the one who put it there may.
 */
function isSound(bucket: Bucket, name: string, { project, work, phase }: LockState): boolean {
  if (typeof project !== 'string' || typeof work !== 'string' || !['building', 'applying'].includes(phase)) return false;
  const place = parseBucketPath(project);
  const own = name.slice(0, -'lock'.length);
  const isWork = work.startsWith(own) && /^[0-9a-f]{16}\/$/.test(work.slice(own.length));
  return place?.bucket === bucket.name && place.path === project && lockName(project) === name && isWork;
}

/**
 * Every rollback of a bucket whose process has ended. One that may just have died while it was applied is waited for. `mayBe` tells
 * which projects there can be.
 */
export async function recoverBucket(
  bucket: Bucket,
  leaseMs: number,
  mayBe: (project: string) => boolean = () => true,
): Promise<Outcome[]> {
  const [files] = await within(LONGEST_CALL_MS, bucket.getFiles({ prefix: WORK_PREFIX }));
  const locks = files.filter(({ name }) => name.endsWith('/lock'));
  const outcomes = await Promise.all(locks.map(({ name }) => recoverLock(bucket, name, leaseMs, mayBe)));
  for (const { name, metadata } of files) {
    if (Date.now() - Date.parse(metadata.timeCreated as string) < STRAY_MS || name.endsWith('/lock')) continue;
    const isLocked = locks.some((lock) => name.startsWith(String(lock.metadata.metadata?.work)));
    if (!isLocked) await removeAll(bucket, name);
  }
  return outcomes.filter((outcome) => outcome !== undefined);
}

async function recoverLock(
  bucket: Bucket,
  name: string,
  leaseMs: number,
  mayBe: (project: string) => boolean,
): Promise<Outcome | undefined> {
  const locks = bucketLocks(bucket, leaseMs);
  let lock = await locks.read(name);
  if (lock?.state.phase === 'applying' && lock.ageMs < leaseMs) {
    await sleep(leaseMs - lock.ageMs + CLOCK_STEP_MS);
    lock = await locks.read(name);
  }
  if (lock === undefined || lock.ageMs < leaseMs) return undefined;
  const { project, phase } = lock.state;
  if (!isSound(bucket, name, lock.state) || !mayBe(project)) {
    return { projectPath: `gs://${bucket.name}`, outcome: 'undone', problem: forgedLock(bucket.name, name) };
  }
  const outcome = phase === 'applying' ? 'completed' : 'undone';
  return finishDead(bucket, name, lock, leaseMs).then(
    (overtaken) => {
      if (overtaken === undefined) return undefined;
      const problem = overtaken.length > 0 ? { problem: overtakenProblem(project, overtaken) } : {};
      return { projectPath: project, outcome, ...problem };
    },
    (error) => ({ projectPath: project, outcome, problem: bucketProblem(project, error) as Error }),
  );
}

/** What somebody else had changed meanwhile; `undefined` when another one does it. */
async function finishDead(bucket: Bucket, name: string, lock: FoundLock, leaseMs: number): Promise<string[] | undefined> {
  const held = await bucketLocks(bucket, leaseMs).takeOver(name, lock);
  if (held === undefined) return undefined;
  const { work, phase } = lock.state;
  try {
    const overtaken = phase === 'applying' ? await applyPlan(bucket, await readPlan(bucket, lock.state)) : [];
    await cleanUp(bucket, work);
    await held.release();
    return overtaken;
  } finally {
    held.letGo();
  }
}

/** The plan goes first: without it all has been done. */
export async function cleanUp(bucket: Bucket, work: string): Promise<void> {
  await removeAll(bucket, planName(work));
  await removeAll(bucket, work);
}

async function readPlan(bucket: Bucket, { project, work }: LockState): Promise<readonly Step[]> {
  try {
    const [content] = await bucket.file(planName(work)).download({ validation: 'crc32c' });
    return checkedPlan(project, work, content.toString('utf8'));
  } catch (error) {
    if (statusOf(error) === 404) return [];
    throw error;
  }
}
