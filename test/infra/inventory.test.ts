import assert from 'node:assert/strict';
import { bucketName, secretName } from '../../functions/core/addresses.ts';
import { readSettings, unknownVariables } from '../../functions/core/settings.ts';
import { type Topology, topology } from '../../functions/topology.ts';
import { at, type Block, fronts, full, synthesized } from './synthesized.ts';

const settings = readSettings({}, { project: 'acme-agents', projectNumber: '123456789012', region: 'europe-west1' });

describe('the stack: what there is', () => {
  const stack = synthesized();

  const rows: [type: string, attribute: string, wanted: string[]][] = [
    ['google_pubsub_topic', 'name', Object.keys(topology.topics)],
    ['google_pubsub_subscription', 'name', Object.keys(topology.subscriptions)],
    ['google_cloudfunctions2_function', 'name', Object.keys(topology.functions).map((name) => `heliograph-${name}`)],
    ['google_cloud_scheduler_job', 'name', Object.keys(topology.schedules).map((name) => `heliograph-${name}`)],
    ['google_secret_manager_secret', 'secret_id', topology.secrets.map(secretName)],
    ['google_firestore_database', 'name', ['tasks', 'control']],
    // Beside the topology's: where the functions' own archives lie, and who builds them.
    ['google_storage_bucket', 'name', [...Object.keys(topology.buckets), 'archives'].map((name) => bucketName(settings, name))],
    [
      'google_service_account',
      'account_id',
      [...Object.keys(topology.functions), topology.pushAccount, topology.agentPushAccount, 'build'].map(
        (name) => `heliograph-${name}`,
      ),
    ],
  ];
  for (const [type, attribute, wanted] of rows) {
    it(`${type}: everything that the topology names, and nothing else`, () => {
      const there = Object.values(stack.all(type)).map((block) => block[attribute]);
      assert.deepEqual(there.sort(), wanted.sort());
    });
  }

  it('has no kind of resource that this test does not know', () => {
    const known = new Set([
      ...rows.map(([type]) => type),
      'google_artifact_registry_repository',
      'google_artifact_registry_repository_iam_member',
      'google_cloud_run_v2_service_iam_binding',
      'google_firestore_backup_schedule',
      'google_firestore_field',
      'google_firestore_index',
      'google_monitoring_alert_policy',
      'google_monitoring_dashboard',
      'google_project_iam_custom_role',
      'google_project_iam_member',
      'google_project_service',
      'google_project_service_identity',
      'google_pubsub_subscription_iam_member',
      'google_pubsub_topic_iam_member',
      'google_secret_manager_secret_iam_member',
      'google_secret_manager_secret_version',
      'google_service_account_iam_member',
      'google_storage_bucket_iam_member',
      'google_storage_bucket_object',
      'time_sleep',
    ]);
    assert.deepEqual(
      stack.every.filter(({ type }) => !known.has(type)).map(({ name }) => name),
      [],
    );
  });

  it('keeps its state in the settings’ bucket, apart from that of another environment', () => {
    assert.deepEqual(at(stack.json, 'terraform', 'backend', 'gcs'), { bucket: 'acme-agents-state', prefix: 'heliograph/dev' });
  });

  it('lets every reference stand for something', () => {
    const text = JSON.stringify(synthesized(full).json);
    const references = [...text.matchAll(/(google_\w+)\.([\w-]+)/g)].map(([, type, name]) => [type, name] as [string, string]);
    const { json } = synthesized(full);
    assert.ok(references.length > 200);
    for (const [type, name] of references) assert.ok(json.resource[type]?.[name], `${type}.${name}`);
  });

  for (const [name, row] of Object.entries(topology.functions)) {
    it(`${name} has its row’s size, from its own archive, and settings that it accepts`, () => {
      const blocks = synthesized(full).all('google_cloudfunctions2_function');
      const block = blocks[`function_${name}`];
      const service_config = at<Block>(block, 'service_config');
      assert.equal(at(block, 'build_config', 'runtime'), 'nodejs24');
      assert.match(
        at(block, 'build_config', 'source', 'storage_source', 'object'),
        new RegExp(`google_storage_bucket_object\\.archive_${name}\\.name`),
      );
      assert.deepEqual(
        {
          memory: service_config.available_memory,
          concurrency: service_config.max_instance_request_concurrency,
          timeout: service_config.timeout_seconds,
          minimum: service_config.min_instance_count,
          maximum: service_config.max_instance_count,
        },
        {
          memory: `${row.memoryMiB}Mi`,
          concurrency: row.concurrency,
          timeout: row.timeoutSeconds,
          minimum: name === 'dispatch' ? 2 : 0,
          maximum: Math.min(row.maximumInstances, 30),
        },
      );
      const environment = service_config.environment_variables as Record<string, string>;
      assert.deepEqual(unknownVariables(environment), []);
      const read = readSettings(environment);
      assert.deepEqual([read.runtime, read.project, read.region, read.logLevel], ['cloud', 'acme-agents', 'europe-west1', 'warn']);
      assert.equal(read.projectNumber, '123456789012');
      // Trusts Cloud Run's check exactly where none but the named callers get through.
      const [binding] = Object.entries(synthesized(full).all('google_cloud_run_v2_service_iam_binding'))
        .filter(([id]) => id === `invokers_${name}`)
        .map(([, { members }]) => members as string[]);
      assert.equal(read.oidc.behindIam, !binding?.some((member) => member.startsWith('all')));
      assert.equal(environment.AGENT_COST_PER_RUN_CENTS, row.environment.includes('AGENT_COST_PER_RUN_CENTS') ? '7' : undefined);
    });
  }

  it('makes no alert, which would be billed, where nobody is to be told', () => {
    assert.deepEqual(stack.all('google_monitoring_alert_policy'), {});
  });

  it('tells somebody: dead letters, old messages, errors, silence, and the money', () => {
    const told = synthesized(full);
    const policies = Object.values(told.all('google_monitoring_alert_policy'));
    const titles = policies.map(({ display_name }) => String(display_name).replace('Heliograph: ', ''));
    assert.deepEqual(titles.sort(), [
      ...['backups is silent', 'dead letters', 'error ratio', 'oldest unacknowledged message', 'sweeper is silent'],
    ]);
    for (const { notification_channels } of policies) assert.equal((notification_channels as unknown[]).length, 1);
    const [budget] = Object.values(told.all('google_billing_budget'));
    assert.deepEqual(at(budget, 'threshold_rules', 0), { threshold_percent: 0.8 });
    assert.deepEqual(at(budget, 'all_updates_rule', 'monitoring_notification_channels'), policies[0]?.notification_channels);
    assert.deepEqual(stack.all('google_billing_budget'), {});
  });

  it('shows every subscription and every function on one page', () => {
    const [dashboard] = Object.values(stack.all('google_monitoring_dashboard'));
    const filters = JSON.stringify(JSON.parse(String(dashboard?.dashboard_json))).replaceAll('\\', '');
    for (const name of Object.keys(topology.subscriptions)) assert.ok(filters.includes(`"${name}"`), name);
    for (const name of Object.keys(topology.functions)) assert.ok(filters.includes(`"heliograph-${name}"`), name);
  });

  it('has a balancer where the settings ask for one: front routes alone, limited, at an address that the functions know', () => {
    const balanced = synthesized(full);
    const [map] = Object.values(balanced.all('google_compute_url_map'));
    const paths = at<{ paths: string[] }[]>(map, 'path_matcher', 0, 'path_rule').flatMap((rule) => rule.paths);
    const routes = fronts.flatMap((name) => topology.functions[name]?.routes ?? []);
    assert.deepEqual(paths.sort(), routes.flatMap((route) => [route, `${route}/*`]).sort());
    const [policy] = Object.values(balanced.all('google_compute_security_policy'));
    assert.deepEqual(at(policy, 'rule', 0, 'rate_limit_options', 'rate_limit_threshold'), { count: 600, interval_sec: 60 });
    const [proxy] = Object.values(balanced.all('google_compute_target_https_proxy'));
    const [encryption] = Object.values(balanced.all('google_compute_ssl_policy'));
    assert.equal(balanced.resolve(proxy?.ssl_policy), 'heliograph');
    assert.deepEqual([encryption?.profile, encryption?.min_tls_version], ['MODERN', 'TLS_1_2']);
    const service_config = at<Block>(balanced.all('google_cloudfunctions2_function'), 'function_dispatch', 'service_config');
    assert.equal(service_config.ingress_settings, 'ALLOW_INTERNAL_AND_GCLB');
    const read = readSettings(service_config.environment_variables as Record<string, string>);
    assert.deepEqual(read.functionUrls, Object.fromEntries(fronts.map((name) => [name, 'https://heliograph.example.com'])));
  });

  it('locks a bucket whose row says so', () => {
    const locked: Topology = { ...topology, buckets: { ...topology.buckets, audit: { lockedDays: 365 } } };
    const block = synthesized({}, locked).all('google_storage_bucket').bucket_audit;
    assert.deepEqual(block?.retention_policy, { is_locked: true, retention_period: 365 * 86_400 });
  });
});
