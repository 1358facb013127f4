import { bucketName } from '../../functions/core/addresses.ts';
import { parseBucketPath } from '../../functions/core/bucket-path.ts';
import type { Settings } from '../../functions/core/settings.ts';
import type { BucketRow, Topology } from '../../functions/topology.ts';
import { newBucket } from './buckets.ts';
import { merged } from './resource.ts';
import { change, type Site } from './site.ts';

const DAY_SECONDS = 86_400;

/** Makes the topology's buckets that are missing, and gives those that are there what their rows say now. */
export async function makeTopologyBuckets(
  site: Site,
  settings: { project: string },
  { buckets, bucketRecoveryDays }: Pick<Topology, 'buckets' | 'bucketRecoveryDays'>,
): Promise<void> {
  await change(site, (tables) => {
    for (const [name, row] of Object.entries(buckets)) {
      const fullName = bucketName(settings, name);
      const bucket = tables.bucket(fullName) ?? newBucket(fullName, {});
      tables.putBucket({ ...bucket, fields: merged(bucket.fields, settingsOf(row, bucketRecoveryDays)) });
    }
  });
}

/** Makes the buckets that may hold projects, where there is none of the name yet. In the cloud they are the user's own. */
export async function makeProjectBuckets(site: Site, { projectRoots }: Pick<Settings, 'projectRoots'>): Promise<void> {
  await change(site, (tables) => {
    for (const name of projectRoots.flatMap((root) => parseBucketPath(root)?.bucket ?? [])) {
      if (tables.bucket(name) === undefined) tables.putBucket(newBucket(name, { versioning: { enabled: true } }));
    }
  });
}

/** As the stack makes them: versions are kept for a while, and where nothing may be deleted there is nothing that they could keep. */
function settingsOf({ deleteAfterDays, lockedDays }: BucketRow, recoveryDays: number) {
  const isLocked = lockedDays !== undefined;
  const rules = [
    ...(isLocked ? [] : [deleteWhen({ daysSinceNoncurrentTime: recoveryDays, isLive: false })]),
    ...(deleteAfterDays === undefined ? [] : [deleteWhen({ age: deleteAfterDays, isLive: true })]),
  ];
  return {
    versioning: { enabled: !isLocked },
    lifecycle: { rule: rules },
    retentionPolicy: isLocked ? { retentionPeriod: String(lockedDays * DAY_SECONDS), isLocked } : null,
  };
}

function deleteWhen(condition: Readonly<Record<string, number | boolean>>) {
  return { action: { type: 'Delete' }, condition };
}
