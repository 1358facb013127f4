/** The account that Cloud Build makes the functions' images under, in the place of the project's far more powerful default one. */

import type { ArtifactRegistryRepository } from '@cdktf/provider-google/lib/artifact-registry-repository/index.js';
import { ArtifactRegistryRepositoryIamMember } from '@cdktf/provider-google/lib/artifact-registry-repository-iam-member/index.js';
import { ProjectIamMember } from '@cdktf/provider-google/lib/project-iam-member/index.js';
import type { ServiceAccount } from '@cdktf/provider-google/lib/service-account/index.js';
import type { StorageBucket } from '@cdktf/provider-google/lib/storage-bucket/index.js';
import { StorageBucketIamMember } from '@cdktf/provider-google/lib/storage-bucket-iam-member/index.js';
import type { ITerraformDependable } from 'cdktf';
import { makeAccount } from './accounts.ts';
import type { Context } from './context.ts';
import { waitAfter } from './waits.ts';

export interface Builder {
  readonly account: ServiceAccount;
  /** What has to be over before it can build. */
  readonly ready: ITerraformDependable;
}

/** Each archive is copied to a bucket that Google makes in the project, of one of these names. The stack does not have it. */
const COPIES = ['gcf-v2-sources-', 'gcf-v2-uploads-', 'run-sources-'];

/**
 * Makes it: it reads archives, writes images and logs.
 *
 * Source: Cloud Run functions, "Custom Service Account for Cloud Build".
 */
export function makeBuilder(context: Context, archives: StorageBucket, images: ArtifactRegistryRepository): Builder {
  const { stack, settings } = context;
  const account = makeAccount(context, 'build', 'Heliograph: builds');
  const copies = COPIES.map((prefix) => `resource.name.startsWith("projects/_/buckets/${prefix}")`).join(' || ');
  const grants = [
    new StorageBucketIamMember(stack, 'build_reads_archives', {
      bucket: archives.name,
      role: 'roles/storage.objectViewer',
      member: account.member,
    }),
    new ProjectIamMember(stack, 'build_reads_copies', {
      project: settings.project,
      role: 'roles/storage.objectViewer',
      member: account.member,
      condition: {
        title: 'copies of the archives only',
        expression: `resource.type == "storage.googleapis.com/Object" && (${copies})`,
      },
    }),
    new ArtifactRegistryRepositoryIamMember(stack, 'build_writes_images', {
      repository: images.name,
      location: images.location,
      role: 'roles/artifactregistry.writer',
      member: account.member,
    }),
    new ProjectIamMember(stack, 'build_writes_logs', {
      project: settings.project,
      role: 'roles/logging.logWriter',
      member: account.member,
    }),
  ];
  return { account, ready: waitAfter(stack, 'builder', grants) };
}
