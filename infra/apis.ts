/** The APIs that have to be on before what stands on them can be made. */

import { ProjectService } from '@cdktf/provider-google/lib/project-service/index.js';
import { Aspects, TerraformResource } from 'cdktf';
import type { Context } from './context.ts';
import { makePubsubAgent } from './service-agent.ts';
import { waitAfter } from './waits.ts';

/** By the beginning of the resource types that need them. */
const APIS: readonly (readonly [type: string, ...apis: string[]])[] = [
  ['google_artifact_registry_', 'artifactregistry'],
  ['google_billing_', 'billingbudgets'],
  ['google_cloud_run_', 'run'],
  ['google_cloud_scheduler_', 'cloudscheduler'],
  ['google_cloudfunctions2_', 'cloudfunctions', 'run', 'cloudbuild', 'artifactregistry'],
  ['google_compute_', 'compute'],
  ['google_firestore_', 'firestore'],
  ['google_monitoring_', 'monitoring'],
  ['google_project_iam_', 'cloudresourcemanager', 'iam'],
  ['google_pubsub_', 'pubsub'],
  ['google_secret_manager_', 'secretmanager'],
  ['google_service_account', 'iam', 'iamcredentials'],
  ['google_storage_', 'storage'],
  ['time_sleep'],
];

/** Switches on what the stack's resources need, and waits until it is on. Call it last: it looks at what is there. */
export function enableApis(context: Context): void {
  const { stack } = context;
  const resources = stack.node.findAll().filter((node) => TerraformResource.isTerraformResource(node));
  const wanted = new Set(resources.flatMap((resource) => apisOf(resource.terraformResourceType)));
  const services = new Map(
    [...wanted].sort().map((api) => [
      api,
      // Left on when the stack goes: others in the project may use it.
      new ProjectService(stack, `api_${api}`, { service: `${api}.googleapis.com`, disableOnDestroy: false }),
    ]),
  );
  const pubsub = services.get('pubsub');
  const first = [...services.values(), ...(pubsub ? [makePubsubAgent(context, pubsub)] : [])];
  const settled = waitAfter(stack, 'apis', first);
  Aspects.of(stack).add({
    visit(node) {
      if (!TerraformResource.isTerraformResource(node) || node === settled || first.includes(node)) return;
      const needed = apisOf(node.terraformResourceType).flatMap((api) => services.get(api) ?? []);
      node.dependsOn = [
        ...(node.dependsOn ?? []),
        ...[...needed, settled].map((one) => `${one.terraformResourceType}.${one.friendlyUniqueId}`),
      ];
    },
  });
}

function apisOf(type: string): readonly string[] {
  const row = APIS.find(([prefix]) => type.startsWith(prefix));
  if (row === undefined) throw new TypeError(`Nothing says which API ${type} needs.`);
  return row.slice(1);
}
