/** One service account per function, and two whose tokens Pub/Sub presents: to functions (the scheduler too), and to users' agents. */

import { ProjectIamMember } from '@cdktf/provider-google/lib/project-iam-member/index.js';
import { PubsubTopicIamMember } from '@cdktf/provider-google/lib/pubsub-topic-iam-member/index.js';
import { SecretManagerSecretIamMember } from '@cdktf/provider-google/lib/secret-manager-secret-iam-member/index.js';
import { ServiceAccount } from '@cdktf/provider-google/lib/service-account/index.js';
import { StorageBucketIamMember } from '@cdktf/provider-google/lib/storage-bucket-iam-member/index.js';
import { accountEmail } from '../functions/core/addresses.ts';
import { parseBucketPath } from '../functions/core/bucket-path.ts';
import type { Role } from '../functions/topology.ts';
import { type Context, type Named, rows } from './context.ts';
import type { Databases } from './databases.ts';
import { allowSubscribing } from './subscribers.ts';

/** By function name, and the push accounts. */
export interface Accounts {
  readonly functions: Named<ServiceAccount>;
  readonly push: ServiceAccount;
  readonly agentPush: ServiceAccount;
}

/** Makes the accounts, with no role yet. */
export function makeAccounts(context: Context): Accounts {
  const { topology } = context;
  const functions = Object.fromEntries(
    Object.keys(topology.functions).map((name) => [name, makeAccount(context, name, `Heliograph: ${name}`)]),
  );
  return {
    functions,
    push: makeAccount(context, topology.pushAccount, 'Heliograph: pushes and schedules'),
    agentPush: makeAccount(context, topology.agentPushAccount, 'Heliograph: pushes to registered agents'),
  };
}

/** Makes one account, named as the functions expect it. */
export function makeAccount({ stack, naming }: Context, name: string, displayName: string): ServiceAccount {
  const accountId = accountEmail(naming, name).split('@', 1)[0] as string;
  return new ServiceAccount(stack, `account_${name}`, { accountId, displayName });
}

/** What roles are given on. */
export interface Resources {
  readonly databases: Databases;
  readonly topics: Named<{ readonly name: string }>;
  readonly buckets: Named<{ readonly name: string }>;
  readonly secrets: Named<{ readonly secretId: string }>;
}

/** Gives each account the roles of its row, each on the one resource. Who may call a function stands with the functions. */
export function grantRoles(context: Context, accounts: Accounts, resources: Resources): void {
  for (const [name, { roles }] of rows(context.topology.functions)) {
    const { member } = accounts.functions[name] as ServiceAccount;
    for (const role of roles) grant(context, name, member, role, resources, accounts);
  }
}

function grant(context: Context, name: string, member: string, role: Role, resources: Resources, accounts: Accounts): void {
  const { stack, settings } = context;
  switch (role.kind) {
    case 'database': {
      const database = resources.databases[role.database];
      // Firestore's IAM has no policy below the project; the condition narrows the grant to the one database.
      new ProjectIamMember(stack, `role_${name}_database_${role.database}`, {
        project: settings.project,
        role: role.access === 'write' ? 'roles/datastore.user' : 'roles/datastore.viewer',
        member,
        condition: {
          title: `database ${role.database} only`,
          expression: `resource.name == "projects/${settings.project}/databases/${role.database}"`,
        },
        dependsOn: database && [database],
      });
      return;
    }
    case 'publish':
      new PubsubTopicIamMember(stack, `role_${name}_publish_${role.topic}`, {
        topic: existing(resources.topics, role.topic).name,
        role: 'roles/pubsub.publisher',
        member,
      });
      return;
    case 'subscribe':
      allowSubscribing(context, name, member, existing(resources.topics, role.topic).name, accounts.agentPush);
      return;
    case 'bucket':
      new StorageBucketIamMember(stack, `role_${name}_bucket_${role.bucket}`, {
        bucket: existing(resources.buckets, role.bucket).name,
        role: role.access === 'write' ? 'roles/storage.objectUser' : 'roles/storage.objectViewer',
        member,
      });
      return;
    case 'projects':
      // A bucket at a time: what is in one is listed by the bucket's own permission, which no condition on names narrows.
      for (const bucket of new Set(settings.projectBuckets.map((path) => parseBucketPath(path)?.bucket as string))) {
        new StorageBucketIamMember(stack, `role_${name}_projects_${bucket.replaceAll('.', '_')}`, {
          bucket,
          role: role.access === 'write' ? 'roles/storage.objectUser' : 'roles/storage.objectViewer',
          member,
        });
      }
      return;
    case 'secret':
      new SecretManagerSecretIamMember(stack, `role_${name}_secret_${role.secret}`, {
        secretId: existing(resources.secrets, role.secret).secretId,
        role: 'roles/secretmanager.secretAccessor',
        member,
      });
      return;
    case 'invoke':
      return;
  }
}

function existing<Thing>(things: Named<Thing>, name: string): Thing {
  const thing = things[name];
  if (thing === undefined) throw new TypeError(`A role of the topology names ${name}, which does not exist.`);
  return thing;
}
