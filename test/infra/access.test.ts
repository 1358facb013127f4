import assert from 'node:assert/strict';
import { accountEmail, bucketName, secretName } from '../../functions/core/addresses.ts';
import { readSettings } from '../../functions/core/settings.ts';
import { type Role, topology } from '../../functions/topology.ts';
import { at, type Block, fronts, type Synthesized, synthesized } from './synthesized.ts';

const project = 'acme-agents';
const settings = readSettings({}, { project, projectNumber: '123456789012', region: 'europe-west1' });
const account = (name: string) => `serviceAccount:${accountEmail(settings, name)}`;

/** Every grant of a stack: who, what, on what. */
function grantsOf(stack: Synthesized) {
  return stack.every
    .filter(({ type }) => /_iam_(member|binding)$/.test(type))
    .flatMap(({ type, name, block }) => {
      const members = (block.members as unknown[] | undefined) ?? [block.member];
      return members.map((member) => ({ type, name, block, role: String(block.role), member: stack.resolve(member) }));
    });
}

/** The permissions of a role that the stack makes itself. */
function permissionsOf(stack: Synthesized, role: string): string[] | undefined {
  const [, name] = /google_project_iam_custom_role\.([\w-]+)\.name/.exec(role) ?? [];
  return at<string[] | undefined>(stack.all('google_project_iam_custom_role')[name ?? ''] ?? {}, 'permissions');
}

/** What comes with the role `subscribe`, beside the topic that it is for. */
function comesWithSubscribing(stack: Synthesized, { type, block, role }: { type: string; block: Block; role: string }): boolean {
  const isManaging = type === 'google_project_iam_member' && permissionsOf(stack, role)?.includes('pubsub.subscriptions.create');
  const { service_account_id: id } = block;
  const isPushing = role === 'roles/iam.serviceAccountUser' && String(id).includes(`account_${topology.agentPushAccount}.name`);
  return isManaging || isPushing;
}

/** A grant, read back as the topology's role. Whatever a role cannot be is refused. */
function roleOf(stack: Synthesized, { type, block, role }: { type: string; block: Block; role: string }): Role {
  const named = (reference: unknown, names: readonly string[], nameOf: (name: string) => string) => {
    const found = names.find((name) => nameOf(name) === stack.resolve(reference));
    assert.ok(found, `${reference} is nothing of the topology`);
    return found;
  };
  const same = (name: string) => name;
  if (type === 'google_pubsub_topic_iam_member' && permissionsOf(stack, role)?.join() === 'pubsub.topics.attachSubscription')
    return { kind: 'subscribe', topic: named(block.topic, Object.keys(topology.topics), same) };
  switch (`${type} ${role}`) {
    case 'google_project_iam_member roles/datastore.user':
    case 'google_project_iam_member roles/datastore.viewer': {
      const { expression } = block.condition as { expression: string };
      const database = /^resource\.name == "projects\/acme-agents\/databases\/(tasks|control)"$/.exec(expression)?.[1];
      assert.ok(database, expression);
      return { kind: 'database', database: database as 'tasks', access: role.endsWith('user') ? 'write' : 'read' };
    }
    case 'google_pubsub_topic_iam_member roles/pubsub.publisher':
      return { kind: 'publish', topic: named(block.topic, Object.keys(topology.topics), same) };
    case 'google_storage_bucket_iam_member roles/storage.objectUser':
    case 'google_storage_bucket_iam_member roles/storage.objectViewer': {
      if (block.bucket === 'acme-projects') return { kind: 'projects', access: role.endsWith('User') ? 'write' : 'read' };
      const bucket = named(block.bucket, Object.keys(topology.buckets), (name) => bucketName(settings, name));
      return { kind: 'bucket', bucket, access: role.endsWith('User') ? 'write' : 'read' };
    }
    case 'google_secret_manager_secret_iam_member roles/secretmanager.secretAccessor':
      return { kind: 'secret', secret: named(block.secret_id, topology.secrets, secretName) };
    case 'google_cloud_run_v2_service_iam_binding roles/run.invoker':
      return { kind: 'invoke', function: named(block.name, Object.keys(topology.functions), (name) => `heliograph-${name}`) };
    default:
      return assert.fail(`${type} grants ${role}`);
  }
}

const sorted = (roles: readonly Role[]) => roles.map((role) => JSON.stringify(role, Object.keys(role).sort())).sort();

describe('the stack: access', () => {
  const stack = synthesized({ projectBuckets: ['gs://acme-projects/team-a', 'gs://acme-projects/team-b/'] });
  const grants = grantsOf(stack);

  for (const [name, row] of Object.entries(topology.functions)) {
    it(`${name} runs as its own account, which has exactly the topology’s roles`, () => {
      const block = stack.all('google_cloudfunctions2_function')[`function_${name}`];
      assert.equal(stack.resolve(at(block, 'service_config', 'service_account_email')), accountEmail(settings, name));
      const own = grants.filter((grant) => grant.member === account(name) && !comesWithSubscribing(stack, grant));
      assert.deepEqual(sorted(own.map((grant) => roleOf(stack, grant))), sorted(row.roles));
    });
  }

  it('gives no account to two functions', () => {
    const accounts = Object.values(stack.all('google_cloudfunctions2_function')).map((block) =>
      stack.resolve(at(block, 'service_config', 'service_account_email')),
    );
    assert.equal(new Set(accounts).size, Object.keys(topology.functions).length);
  });

  it('grants nothing to anybody else than the functions, the push account, Pub/Sub and the builder', () => {
    const others = grants.filter(({ member }) => !Object.keys(topology.functions).some((name) => member === account(name)));
    const seen = others.map(
      ({ type, role, member }) => `${member.split('@', 1)[0]} ${type} ${permissionsOf(stack, role)?.join() ?? role}`,
    );
    assert.deepEqual([...new Set(seen)].sort(), [
      'serviceAccount:heliograph-build google_artifact_registry_repository_iam_member roles/artifactregistry.writer',
      'serviceAccount:heliograph-build google_project_iam_member roles/logging.logWriter',
      'serviceAccount:heliograph-build google_project_iam_member roles/storage.objectViewer',
      'serviceAccount:heliograph-build google_storage_bucket_iam_member roles/storage.objectViewer',
      'serviceAccount:heliograph-push google_cloud_run_v2_service_iam_binding roles/run.invoker',
      'serviceAccount:service-123456789012 google_project_iam_member pubsub.subscriptions.consume',
      'serviceAccount:service-123456789012 google_pubsub_subscription_iam_member roles/pubsub.subscriber',
      'serviceAccount:service-123456789012 google_pubsub_topic_iam_member roles/pubsub.publisher',
      'serviceAccount:service-123456789012 google_service_account_iam_member roles/iam.serviceAccountTokenCreator',
    ]);
  });

  it('narrows every grant on the project by a condition, but those of writing logs and of subscriptions made later', () => {
    const wide = grants.filter(({ type, block }) => type.startsWith('google_project_iam') && block.condition === undefined);
    assert.deepEqual(wide.map(({ role }) => permissionsOf(stack, role)?.join() ?? role).sort(), [
      'pubsub.subscriptions.consume',
      'pubsub.subscriptions.create,pubsub.subscriptions.update,pubsub.subscriptions.delete',
      'roles/logging.logWriter',
    ]);
  });

  it('lets the builder read what Google copies the archives to, wherever that is, and nothing else of the project', () => {
    const reads = grants.filter(({ name }) => name === 'build_reads_copies').map(({ block }) => block.condition as Block);
    assert.equal(reads.length, 1);
    const expression = String(reads[0]?.expression);
    const [, type, names = ''] = /^resource\.type == "([^"]+)" && \((.+)\)$/.exec(expression) ?? [];
    assert.equal(type, 'storage.googleapis.com/Object');
    const prefixes = names.split(' || ').map((one) => /^resource\.name\.startsWith\("(.+)"\)$/.exec(one)?.[1]);
    assert.deepEqual(
      prefixes,
      ['gcf-v2-sources-', 'gcf-v2-uploads-', 'run-sources-'].map((prefix) => `projects/_/buckets/${prefix}`),
    );
  });

  it('has no primitive role, no administrator, and no key of an account', () => {
    for (const { role, name } of grants) assert.doesNotMatch(role, /roles\/(owner|editor|viewer)$|admin/i, name);
    assert.deepEqual(stack.all('google_service_account_key'), {});
  });

  it('admits the push account to what is pushed to or scheduled, and to nothing else', () => {
    const admitted = grants.filter(({ member }) => member === account(topology.pushAccount)).map((grant) => roleOf(stack, grant));
    const rows = [...Object.values(topology.subscriptions), ...Object.values(topology.schedules)];
    const pushed = [...new Set(rows.map((row) => row.function))];
    assert.deepEqual(sorted(admitted), sorted(pushed.map((name) => ({ kind: 'invoke', function: name }))));
  });

  it('is open to nobody, unless the settings open a front function', () => {
    const publicGrants = (from: Synthesized) =>
      grantsOf(from)
        .filter(({ member }) => /^all/.test(member))
        .map(({ block, role }) => [from.resolve(block.name), role]);
    assert.deepEqual(publicGrants(stack), []);
    assert.deepEqual(publicGrants(synthesized({ publicFunctions: ['dispatch'] })), [['heliograph-dispatch', 'roles/run.invoker']]);
  });

  it('admits the callers that the settings name to closed front functions alone', () => {
    const callers = ['group:team@example.com'];
    const closed = synthesized({ callers });
    const named = grantsOf(closed).filter(({ member }) => callers.includes(member));
    assert.deepEqual(
      named.map(({ block }) => closed.resolve(block.name)).sort(),
      fronts.map((name) => `heliograph-${name}`).sort(),
    );
  });

  it('lets the function that makes subscriptions manage and attach them, and push as the agents’ account, but nothing more', () => {
    const own = grants.filter(
      (grant) => grant.member === account('control') && (permissionsOf(stack, grant.role) ?? /iam\.service/.test(grant.role)),
    );
    const seen = own.map(({ type, role, block }) => [
      type,
      permissionsOf(stack, role) ?? role,
      stack.resolve(block.topic ?? block.service_account_id ?? ''),
    ]);
    const manage = ['create', 'update', 'delete'].map((verb) => `pubsub.subscriptions.${verb}`);
    assert.deepEqual(seen.slice(0, 2), [
      ['google_project_iam_member', manage, ''],
      ['google_pubsub_topic_iam_member', ['pubsub.topics.attachSubscription'], 'tasks'],
    ]);
    assert.equal(seen.length, 3);
    assert.equal(seen[2]?.[1], 'roles/iam.serviceAccountUser');
    assert.match(String(own[2]?.block.service_account_id), /google_service_account\.account_push-agents\.name/);
  });

  it('has nobody admit the account that pushes to registered agents, and nobody but control act as it', () => {
    const agents = account(topology.agentPushAccount);
    assert.deepEqual(
      grants.filter(({ member }) => member === agents),
      [],
    );
    const acting = grants.filter(({ role }) => role === 'roles/iam.serviceAccountUser');
    assert.deepEqual(
      acting.map(({ member }) => member),
      [account('control')],
    );
  });

  it('keeps the network away from functions that only Pub/Sub or the scheduler call', () => {
    const ingress = Object.entries(stack.all('google_cloudfunctions2_function')).map(([name, block]) => [
      name.replace('function_', ''),
      at(block, 'service_config', 'ingress_settings'),
    ]);
    assert.deepEqual(Object.fromEntries(ingress), {
      ...Object.fromEntries(fronts.map((name) => [name, 'ALLOW_ALL'])),
      'agent-light': 'ALLOW_ALL',
      codex: 'ALLOW_ALL',
      results: 'ALLOW_INTERNAL_ONLY',
      'dead-letters': 'ALLOW_INTERNAL_ONLY',
      callbacks: 'ALLOW_INTERNAL_ONLY',
      backups: 'ALLOW_INTERNAL_ONLY',
      sweeper: 'ALLOW_INTERNAL_ONLY',
    });
  });
});
