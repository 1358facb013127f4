/** What Google or the provider refuse although the types allow it. A row of the topology that goes beyond is found here. */

import assert from 'node:assert/strict';
import { functionUrl } from '../../functions/core/addresses.ts';
import { readSettings } from '../../functions/core/settings.ts';
import { type Topology, topology } from '../../functions/topology.ts';
import { at, type Block, full, synthesized } from './synthesized.ts';

/** The longest names that there can be. */
const longest = { project: `a${'b'.repeat(28)}c`, projectNumber: '999999999999', region: 'northamerica-northeast1' };

const seconds = (duration: unknown): number => {
  const [, digits] = /^(\d+)s$/.exec(String(duration)) ?? [];
  assert.ok(digits, `${duration} is no duration`);
  return Number(digits);
};
const between = (value: number, least: number, most: number, what: string) =>
  assert.ok(value >= least && value <= most, `${what}: ${value} is not in ${least} to ${most}`);

describe('the stack: within Google’s limits', () => {
  const stack = synthesized({ ...full, ...longest });
  const each = (type: string, check: (block: Block, name: string) => void) => {
    const blocks = Object.entries(stack.all(type));
    assert.ok(blocks.length > 0, type);
    for (const [name, block] of blocks) check(block, name);
  };
  const named = (type: string, attribute: string, pattern: RegExp) =>
    it(`${type}: ${attribute} is like ${pattern.source}`, () =>
      each(type, (block) => assert.match(stack.resolve(block[attribute]), pattern)));

  named('google_service_account', 'account_id', /^[a-z](?:[-a-z0-9]{4,28}[a-z0-9])$/);
  named('google_cloudfunctions2_function', 'name', /^[a-z]([-a-z0-9]{0,61}[a-z0-9])?$/);
  named('google_pubsub_topic', 'name', /^(?!goog)[a-z][\w.~+%-]{2,254}$/i);
  named('google_pubsub_subscription', 'name', /^(?!goog)[a-z][\w.~+%-]{2,254}$/i);
  named('google_firestore_database', 'name', /^[a-z][a-z0-9-]{2,61}[a-z0-9]$/);
  named('google_storage_bucket', 'name', /^(?!goog)(?!.*google)[a-z0-9][a-z0-9_-]{1,61}[a-z0-9]$/);
  named('google_secret_manager_secret', 'secret_id', /^[\w-]{1,255}$/);
  named('google_cloud_scheduler_job', 'name', /^[\w-]{1,500}$/);
  named('google_artifact_registry_repository', 'repository_id', /^[a-z]([-a-z0-9]{0,61}[a-z0-9])$/);
  named('google_compute_backend_service', 'name', /^[a-z]([-a-z0-9]{0,61}[a-z0-9])?$/);
  named('google_compute_region_network_endpoint_group', 'name', /^[a-z]([-a-z0-9]{0,61}[a-z0-9])?$/);

  it('has hosts whose first label is short enough: beyond 63 characters there is no URL that can be computed', () => {
    const settings = readSettings({}, longest);
    for (const name of Object.keys(topology.functions)) {
      const [label = ''] = new URL(functionUrl(settings, name)).hostname.split('.');
      between(label.length, 1, 63, name);
    }
  });

  it('has the ids of custom roles as IAM takes them', () => {
    const row = { ...(topology.functions['dead-letters'] as Topology['functions'][string]) };
    const making: Topology = {
      ...topology,
      functions: { 'dead-letters': { ...row, roles: [{ kind: 'subscribe', topic: 'tasks' }] } },
      subscriptions: {},
      schedules: {},
    };
    const roles = Object.values(synthesized({}, making).all('google_project_iam_custom_role'));
    assert.equal(roles.length, 3);
    for (const { role_id, title } of roles) {
      assert.match(String(role_id), /^[a-zA-Z0-9_.]{3,64}$/);
      between(String(title).length, 1, 100, 'title');
    }
  });

  it('has subscriptions as Pub/Sub takes them', () => {
    each('google_pubsub_subscription', (block, name) => {
      between(block.ack_deadline_seconds as number, 10, 600, name);
      between(seconds(block.message_retention_duration), 600, 31 * 86_400, name);
      between(seconds(at(block, 'retry_policy', 'minimum_backoff')), 0, 600, name);
      between(seconds(at(block, 'retry_policy', 'maximum_backoff')), 0, 600, name);
      assert.ok(Buffer.byteLength(String(block.filter ?? '')) <= 256, name);
      if (block.dead_letter_policy) between(at(block, 'dead_letter_policy', 'max_delivery_attempts'), 5, 100, name);
      assert.match(at(block, 'push_config', 'push_endpoint'), /^https:\/\//);
    });
  });

  it('has functions as Cloud Run takes them: a push or a call never outlasts its function', () => {
    each('google_cloudfunctions2_function', (block, name) => {
      const config = at<Record<string, number>>(block, 'service_config');
      between(config.timeout_seconds ?? 0, 1, 3600, name);
      between(config.max_instance_request_concurrency ?? 0, 1, 1000, name);
      between(config.max_instance_count ?? 0, Math.max(1, config.min_instance_count ?? 0), 1000, name);
    });
    for (const [name, { ackDeadlineSeconds, function: target }] of Object.entries(topology.subscriptions)) {
      assert.ok(ackDeadlineSeconds <= (topology.functions[target]?.timeoutSeconds ?? 0), name);
    }
  });

  it('asks for no more instances than a new project’s quota of processors, unless the settings do', () => {
    const counts = Object.values(synthesized().all('google_cloudfunctions2_function')).map(
      (block) => at<number>(block, 'service_config', 'max_instance_count') * Number(at(block, 'service_config', 'available_cpu')),
    );
    between(Math.max(...counts), 1, 20, 'processors');
  });

  it('has schedules as Cloud Scheduler takes them', () => {
    each('google_cloud_scheduler_job', (block, name) => between(seconds(block.attempt_deadline), 15, 1800, name));
  });

  it('has composite indexes of several fields, all distinct, and no more exempt fields than a database may have', () => {
    each('google_firestore_index', (block, name) => {
      const fields = at<{ field_path: string }[]>(block, 'fields').map(({ field_path }) => field_path);
      between(fields.length, 2, 100, name);
      assert.equal(new Set(fields).size, fields.length, name);
      // Google adds it, in the direction of the last field, which is how our queries are ordered.
      assert.ok(!fields.includes('__name__'), name);
    });
    assert.ok(Object.keys(stack.all('google_firestore_field')).length <= 200);
  });

  it('keeps backups between a day and 14 weeks', () => {
    each('google_firestore_backup_schedule', ({ retention }, name) => between(seconds(retention), 86_400, 14 * 7 * 86_400, name));
  });

  it('has alert conditions as Cloud Monitoring takes them: whole minutes, and absence from two of them on', () => {
    each('google_monitoring_alert_policy', (block, name) => {
      for (const condition of block.conditions as Block[]) {
        const kind = (condition.condition_threshold ?? condition.condition_absent) as Block;
        const duration = seconds(kind.duration);
        assert.equal(duration % 60, 0, name);
        if (condition.condition_absent) between(duration, 120, 23.5 * 3600, name);
        for (const one of kind.aggregations as Block[]) between(seconds(one.alignment_period), 60, 23.5 * 3600, name);
        assert.match(String(kind.filter), /resource\.type="[a-z_]+" AND metric\.type="[a-z./_]+"/);
        assert.ok(String(kind.filter).length <= 2048, name);
      }
    });
  });

  it('limits requests by an interval that Cloud Armor has, and has a rule for everything else', () => {
    each('google_compute_security_policy', (block) => {
      const [limit, rest] = block.rule as Block[];
      const threshold = at<Record<string, number>>(limit, 'rate_limit_options', 'rate_limit_threshold');
      assert.ok([10, 30, 60, 120, 180, 240, 300, 600, 900, 1200, 1800, 2700, 3600].includes(threshold.interval_sec ?? 0));
      assert.equal(rest?.priority, 2_147_483_647);
    });
  });
});
