/** The functions, from their archives: each under its own account, and callable by exactly those who have to. */

import { ArtifactRegistryRepository } from '@cdktf/provider-google/lib/artifact-registry-repository/index.js';
import { CloudRunV2ServiceIamBinding } from '@cdktf/provider-google/lib/cloud-run-v2-service-iam-binding/index.js';
import { Cloudfunctions2Function } from '@cdktf/provider-google/lib/cloudfunctions2-function/index.js';
import type { ServiceAccount } from '@cdktf/provider-google/lib/service-account/index.js';
import { StorageBucketObject } from '@cdktf/provider-google/lib/storage-bucket-object/index.js';
import { type ITerraformDependable, TerraformVariable, VariableType } from 'cdktf';
import type { FunctionRow } from '../functions/topology.ts';
import type { Accounts } from './accounts.ts';
import { makeBucket } from './buckets.ts';
import { makeBuilder } from './builder.ts';
import { type Context, callersOf, type Named, rows } from './context.ts';
import { ENTRY_POINT } from './entry-point.ts';

const RUNTIME = 'nodejs24';

/** Makes the functions. Their archives' files are given to Terraform as the variable `archives`, by function name. */
export function makeFunctions(
  context: Context,
  accounts: Accounts,
  secretVersions: readonly ITerraformDependable[],
): Named<Cloudfunctions2Function> {
  const { stack, settings, topology } = context;
  const archives = new TerraformVariable(stack, 'archives', {
    type: VariableType.map(VariableType.STRING),
    description: 'The file of each function’s archive, whose name holds a hash of what is in it.',
  });
  const bucket = makeBucket(context, 'archives', {});
  const images = new ArtifactRegistryRepository(stack, 'images', {
    repositoryId: 'heliograph',
    location: settings.region,
    format: 'DOCKER',
    cleanupPolicies: [
      { id: 'keep-recent', action: 'KEEP', mostRecentVersions: { keepCount: 5 } },
      { id: 'delete-old', action: 'DELETE', condition: { olderThan: '30d' } },
    ],
  });
  const builder = makeBuilder(context, bucket, images);
  const made = rows(topology.functions).map(([name, row]): [string, Cloudfunctions2Function] => {
    const archive = `\${var.${archives.friendlyUniqueId}["${name}"]}`;
    const object = new StorageBucketObject(stack, `archive_${name}`, {
      bucket: bucket.name,
      name: `${name}/\${basename(var.${archives.friendlyUniqueId}["${name}"])}`,
      source: archive,
    });
    const account = accounts.functions[name] as ServiceAccount;
    const deployed = new Cloudfunctions2Function(stack, `function_${name}`, {
      name: `heliograph-${name}`,
      location: settings.region,
      buildConfig: {
        runtime: RUNTIME,
        entryPoint: ENTRY_POINT,
        dockerRepository: images.id,
        serviceAccount: builder.account.name,
        source: { storageSource: { bucket: bucket.name, object: object.name } },
      },
      serviceConfig: {
        serviceAccountEmail: account.email,
        availableMemory: `${row.memoryMiB}Mi`,
        // More than one request at a time needs a whole processor.
        availableCpu: '1',
        maxInstanceRequestConcurrency: row.concurrency,
        timeoutSeconds: row.timeoutSeconds,
        minInstanceCount: settings.minimumInstances[name] ?? 0,
        maxInstanceCount: Math.min(row.maximumInstances, settings.maximumInstances),
        ingressSettings: ingress(context, name, row),
        allTrafficOnLatestRevision: true,
        environmentVariables: variables(context, row),
      },
      dependsOn: [builder.ready, ...secretVersions],
    });
    return [name, deployed];
  });
  const functions = Object.fromEntries(made);
  for (const [name, row] of rows(topology.functions)) admitInvokers(context, name, row, functions, accounts);
  return functions;
}

/**
 * Who may call a function. The binding is authoritative: a caller that somebody adds by hand is gone with the next deployment.
 *
 * Cloud Run takes the signature off a token that it has checked, and Pub/Sub can send its token in no other header: of a push, code
 * can check the claims alone (`oidc.behindIam`). That is safe only where nobody gets through unchecked, so a push function never
 * has a public member.
 */
function admitInvokers(
  { stack, settings, topology }: Context,
  name: string,
  row: FunctionRow,
  functions: Named<Cloudfunctions2Function>,
  accounts: Accounts,
): void {
  const pushed = isPushed(topology, name);
  const members = [
    ...(pushed ? [accounts.push.member] : []),
    ...callersOf(topology, name).map((caller) => (accounts.functions[caller] as ServiceAccount).member),
    ...(row.access === 'front' ? (settings.publicFunctions.includes(name) ? ['allUsers'] : settings.callers) : []),
  ];
  if (members.length === 0) return;
  new CloudRunV2ServiceIamBinding(stack, `invokers_${name}`, {
    name: (functions[name] as Cloudfunctions2Function).name,
    location: settings.region,
    role: 'roles/run.invoker',
    members,
  });
}

/**
 * Pub/Sub and the scheduler of the same project count as internal; another function, without a network of its own, does not.
 * Behind a balancer, a front function is reached through it alone, so that its rate rule cannot be gone around.
 *
 * Source: Cloud Run, "Restrict network endpoint ingress".
 */
function ingress({ settings, topology }: Context, name: string, { access }: FunctionRow): string {
  if (access === 'front') return settings.balancer ? 'ALLOW_INTERNAL_AND_GCLB' : 'ALLOW_ALL';
  return callersOf(topology, name).length > 0 ? 'ALLOW_ALL' : 'ALLOW_INTERNAL_ONLY';
}

function isPushed({ subscriptions, schedules }: Context['topology'], name: string): boolean {
  return [...Object.values(subscriptions), ...Object.values(schedules)].some((row) => row.function === name);
}

function variables({ settings, naming }: Context, row: FunctionRow): Record<string, string> {
  const own = {
    ORCHESTRATOR_RUNTIME: 'cloud',
    ORCHESTRATOR_PROJECT: naming.project,
    ORCHESTRATOR_PROJECT_NUMBER: naming.projectNumber,
    ORCHESTRATOR_REGION: naming.region,
    ...(row.access === 'push' && { ORCHESTRATOR_OIDC_BEHIND_IAM: 'true' }),
    ...(settings.projectBuckets.length > 0 && { ORCHESTRATOR_PROJECT_ROOTS: JSON.stringify(settings.projectBuckets) }),
    ...(Object.keys(naming.functionUrls).length > 0 && { ORCHESTRATOR_FUNCTION_URLS: JSON.stringify(naming.functionUrls) }),
  };
  const given = Object.entries(settings.variables).filter(
    ([name]) => name.startsWith('ORCHESTRATOR_') || row.environment.includes(name),
  );
  return { ...own, ...Object.fromEntries(given) };
}
