import { Problem } from '../../functions/core/errors.ts';
import type { Deployment } from './environment.ts';
import { type Google, isForeign } from './google.ts';
import { notReady } from './preflight.ts';

const RECOVERY_SECONDS = 30 * 86_400;

/**
 * Makes sure that there is a bucket for Terraform's state. `mayMake` is asked before a missing one is made: private, versioned, in
 * the region. Gives notes about one that is there. Throws `Problem` `not_ready`, also for another project's that the settings do not
 * name: whoever can write the state has Terraform do what he likes.
 */
export async function ensureStateBucket(
  google: Google,
  { name, settings }: Deployment,
  mayMake: (question: string) => Promise<boolean>,
): Promise<readonly string[]> {
  const { project, projectNumber, region, stateBucket, stateBucketProjectNumber = projectNumber } = settings;
  const found = await google.get('storage', `b/${stateBucket}`);
  if (found.status === 200) {
    if (isForeign(found, stateBucketProjectNumber)) {
      const actual = String(found.body.projectNumber);
      throw notReady([
        `The bucket ${stateBucket} is in the project number ${actual}, not ${stateBucketProjectNumber}. Bucket names are global: if that project is not yours, set environments.${name}.stateBucket to another name; if it is, set environments.${name}.stateBucketProjectNumber to "${actual}".`,
      ]);
    }
    const { versioning, iamConfiguration } = found.body as {
      versioning?: { enabled?: boolean };
      iamConfiguration?: { publicAccessPrevention?: string };
    };
    const flags = [
      versioning?.enabled !== true && '--versioning',
      iamConfiguration?.publicAccessPrevention !== 'enforced' && '--public-access-prevention',
    ].filter((flag) => flag !== false);
    if (flags.length === 0) return [];
    return [
      `The state in gs://${stateBucket} would be better kept: gcloud storage buckets update gs://${stateBucket} ${flags.join(' ')}`,
    ];
  }
  if (found.status === 403) {
    throw notReady([
      `The bucket ${stateBucket} is another project's, or this login may not read it (${found.message}). Bucket names are global: if it is not yours, set environments.${name}.stateBucket to another name.`,
    ]);
  }
  if (found.status !== 404) throw notReady([`The bucket ${stateBucket} cannot be looked at: ${found.message}`]);
  if (!(await mayMake(`There is no bucket ${stateBucket} for Terraform's state. Make it, private and versioned, in ${region}?`))) {
    throw new Problem(422, 'declined', 'Nothing was made.');
  }
  const made = await google.post('storage', `b?project=${project}`, {
    name: stateBucket,
    location: region.toUpperCase(),
    versioning: { enabled: true },
    iamConfiguration: { uniformBucketLevelAccess: { enabled: true }, publicAccessPrevention: 'enforced' },
    softDeletePolicy: { retentionDurationSeconds: RECOVERY_SECONDS },
  });
  if (made.status !== 200) throw notReady([`The bucket ${stateBucket} could not be made: ${made.message}`]);
  return [`Made gs://${stateBucket} for Terraform's state.`];
}
