import { StorageBucket } from '@cdktf/provider-google/lib/storage-bucket/index.js';
import { bucketName } from '../functions/core/addresses.ts';
import type { BucketRow } from '../functions/topology.ts';
import { type Context, DAY_SECONDS, type Named, rows } from './context.ts';

/** Makes the topology's buckets. */
export function makeBuckets(context: Context): Named<StorageBucket> {
  return Object.fromEntries(rows(context.topology.buckets).map(([name, row]) => [name, makeBucket(context, name, row)]));
}

/** Makes one private bucket, out of which what is replaced or deleted can be had back for a while. */
export function makeBucket({ stack, settings, naming, topology }: Context, name: string, row: BucketRow): StorageBucket {
  const { deleteAfterDays, lockedDays } = row;
  const { bucketRecoveryDays } = topology;
  return new StorageBucket(stack, `bucket_${name}`, {
    name: bucketName(naming, name),
    location: settings.region.toUpperCase(),
    storageClass: 'STANDARD',
    uniformBucketLevelAccess: true,
    publicAccessPrevention: 'enforced',
    forceDestroy: false,
    // A locked object can be neither replaced nor deleted: there is nothing that a version could keep, and Cloud Storage
    // refuses the two together.
    versioning: lockedDays === undefined ? { enabled: true } : undefined,
    retentionPolicy: lockedDays === undefined ? undefined : { isLocked: true, retentionPeriod: lockedDays * DAY_SECONDS },
    softDeletePolicy: { retentionDurationSeconds: bucketRecoveryDays * DAY_SECONDS },
    lifecycleRule: [
      ...(lockedDays === undefined ? [deleteWhen({ daysSinceNoncurrentTime: bucketRecoveryDays, withState: 'ARCHIVED' })] : []),
      ...(deleteAfterDays === undefined ? [] : [deleteWhen({ age: deleteAfterDays, withState: 'LIVE' })]),
      { action: { type: 'AbortIncompleteMultipartUpload' }, condition: { age: 1 } },
    ],
  });
}

const deleteWhen = (condition: { age?: number; daysSinceNoncurrentTime?: number; withState: string }) => ({
  action: { type: 'Delete' },
  condition,
});
