import assert from 'node:assert/strict';
import { accountEmail, functionUrl, pushAudience } from '../../functions/core/addresses.ts';
import { readSettings } from '../../functions/core/settings.ts';
import { topology } from '../../functions/topology.ts';
import { at, synthesized } from './synthesized.ts';

const PUBSUB = 'serviceAccount:service-123456789012@gcp-sa-pubsub.iam.gserviceaccount.com';
const settings = readSettings({}, { project: 'acme-agents', projectNumber: '123456789012', region: 'europe-west1' });

describe('the stack: messaging', () => {
  const stack = synthesized();
  const subscriptions = stack.all('google_pubsub_subscription');

  for (const [name, row] of Object.entries(topology.subscriptions)) {
    it(`${name} is its row, pushes with a token, and never expires`, () => {
      const {
        '//': _,
        topic,
        dead_letter_policy: dead,
        push_config: push,
        depends_on,
        ...rest
      } = subscriptions[`subscription_${name}`] ?? {};
      assert.ok((depends_on as string[]).includes('google_service_account_iam_member.pubsub_mints_tokens'));
      assert.deepEqual(rest, {
        name,
        ack_deadline_seconds: row.ackDeadlineSeconds,
        message_retention_duration: `${row.retentionSeconds}s`,
        expiration_policy: { ttl: '' },
        retry_policy: { minimum_backoff: '10s', maximum_backoff: '600s' },
        ...(row.filter && { filter: row.filter }),
      });
      assert.equal(stack.resolve(topic), row.topic);
      // What the deployed function expects, by its own reading of its settings.
      assert.equal(at(push, 'push_endpoint'), functionUrl(settings, row.function) + row.path);
      assert.equal(at(push, 'oidc_token', 'audience'), pushAudience(settings, row.function, row.path));
      assert.equal(stack.resolve(at(push, 'oidc_token', 'service_account_email')), accountEmail(settings, topology.pushAccount));
      if (row.deadLetter === undefined) assert.equal(dead, undefined);
      else {
        assert.equal(stack.resolve(at(dead, 'dead_letter_topic')), row.deadLetter.topic);
        assert.equal(at(dead, 'max_delivery_attempts'), row.deadLetter.maxDeliveryAttempts);
      }
    });
  }

  it('lets Pub/Sub forward dead letters: subscriber where they come from, publisher where they go', () => {
    const from = Object.values(stack.all('google_pubsub_subscription_iam_member')).map(({ subscription, role, member }) => {
      assert.deepEqual([role, member], ['roles/pubsub.subscriber', PUBSUB]);
      return stack.resolve(subscription);
    });
    const to = Object.values(stack.all('google_pubsub_topic_iam_member'))
      .filter(({ member }) => member === PUBSUB)
      .map(({ topic, role }) => {
        assert.equal(role, 'roles/pubsub.publisher');
        return stack.resolve(topic);
      });
    const forwarding = Object.entries(topology.subscriptions).filter(([, { deadLetter }]) => deadLetter !== undefined);
    assert.deepEqual(from.sort(), forwarding.map(([name]) => name).sort());
    assert.deepEqual(to.sort(), ['dead-backups', 'dead-callbacks', 'dead-results', 'dead-tasks']);
  });

  it('lets Pub/Sub mint tokens of the push accounts, and of no other', () => {
    const minted = Object.values(stack.all('google_service_account_iam_member')).filter(({ member }) => member === PUBSUB);
    assert.deepEqual(
      minted.map(({ service_account_id, role }) => [/account_([\w-]+)\.name/.exec(String(service_account_id))?.[1], role]).sort(),
      [
        ['push', 'roles/iam.serviceAccountTokenCreator'],
        ['push-agents', 'roles/iam.serviceAccountTokenCreator'],
      ],
    );
  });

  for (const [name, row] of Object.entries(topology.schedules)) {
    it(`calls ${row.path} of ${row.function} at ${row.cron}, with the push account’s token for its audience`, () => {
      const jobs = Object.values(stack.all('google_cloud_scheduler_job'));
      assert.equal(jobs.length, Object.keys(topology.schedules).length);
      const { schedule, time_zone, http_target } = jobs.find((job) => job.name === `heliograph-${name}`) ?? {};
      assert.deepEqual([schedule, time_zone], [row.cron, 'Etc/UTC']);
      const { uri, http_method, oidc_token } = http_target as Record<string, Record<string, string>>;
      assert.deepEqual([http_method, uri], ['POST', functionUrl(settings, row.function) + row.path]);
      assert.equal(oidc_token?.audience, pushAudience(settings, row.function, row.path));
      assert.equal(stack.resolve(oidc_token?.service_account_email), accountEmail(settings, topology.pushAccount));
    });
  }
});
