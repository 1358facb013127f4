import type { Bucket } from '@google-cloud/storage';
import { type BucketPlace, parseBucketPath } from '../core/bucket-path.ts';
import { Problem } from '../core/errors.ts';
import type { ProjectTrees } from '../core/ports.ts';
import { bucketLocks } from './bucket-lock.ts';
import { bucketPlaceInRoots, isOwnBucket } from './bucket-place.ts';
import { bucketNotFound, bucketProblem } from './bucket-problems.ts';
import { lockName, type Outcome, recoverBucket, settle } from './bucket-recovery.ts';
import { bucketReplacement } from './bucket-replacement.ts';
import { bucketTree } from './bucket-tree.ts';
import { LONGEST_CALL_MS, storageClient } from './storage-client.ts';
import { within } from './within.ts';

/** A holder that was not heard of for so long is dead. It is heard of three times as often. */
const LEASE_MS = 30_000;

export interface BucketTreesOptions {
  /** Of those that name a bucket, whatever else is among them. */
  readonly roots: readonly string[];
  /** The Google Cloud project of this installation, whose own buckets hold no projects. */
  readonly project: string;
  /** Whoever may only read leaves what a crash has left to others. */
  readonly access?: 'read' | 'write';
  readonly leaseMs?: number;
}

/** Projects as prefixes of buckets, in Cloud Storage or in a server that speaks its JSON API, by `STORAGE_EMULATOR_HOST`. */
export function bucketTrees({ roots, project, access = 'write', leaseMs = LEASE_MS }: BucketTreesOptions): ProjectTrees {
  const client = storageClient(project);
  const isOwn = isOwnBucket(project);
  const placeOf = (path: string) => bucketPlaceInRoots(roots, isOwn, path);
  const isPlace = (path: string): boolean => {
    try {
      return placeOf(path).path === path;
    } catch {
      return false;
    }
  };
  const bucketOf = async (name: string) => (await client()).bucket(name);

  return {
    resolve: async (path) => placeOf(path).path,

    async open(path, { mayBeGone = false } = {}) {
      const place = placeOf(path);
      const bucket = await bucketOf(place.bucket);
      const name = lockName(place.path);
      await guarded(place, async () => {
        const lock = await (access === 'write' ? settle(bucket, name, leaseMs) : bucketLocks(bucket, leaseMs).read(name));
        if (lock?.state.phase === 'applying') throw applying();
        if (!(await hasObjects(bucket, place)) && !mayBeGone) throw bucketNotFound(place.path);
      });
      return bucketTree(bucket, place);
    },

    async replace({ projectPath }, patterns) {
      const place = placeOf(projectPath);
      const bucket = await bucketOf(place.bucket);
      return guarded(place, () => bucketReplacement(bucket, place, patterns, leaseMs));
    },

    async recover() {
      const names = new Set(roots.flatMap((root) => parseBucketPath(root)?.bucket ?? []));
      const outcomes: Outcome[] = [];
      for (const name of names) {
        if (isOwn(name)) continue;
        const found = await recoverBucket(await bucketOf(name), leaseMs, isPlace).catch((error): Outcome[] => [
          // Nothing is known of its projects; the next start asks again.
          { projectPath: `gs://${name}`, outcome: 'undone', problem: bucketProblem(`gs://${name}`, error) as Error },
        ]);
        outcomes.push(...found);
      }
      return outcomes;
    },
  };
}

/** A bucket is there even if it is empty; a folder of it is not. */
async function hasObjects(bucket: Bucket, { prefix }: BucketPlace): Promise<boolean> {
  const [files] = await within(LONGEST_CALL_MS, bucket.getFiles({ prefix, maxResults: 1, autoPaginate: false }));
  return prefix === '' || files.length > 0;
}

async function guarded<T>({ path }: BucketPlace, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw bucketProblem(path, error);
  }
}

const applying = () =>
  new Problem(409, 'project_busy', 'A rollback of this project is just being brought to its end. Ask again in a minute.');
