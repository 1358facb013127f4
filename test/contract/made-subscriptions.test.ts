import assert from 'node:assert/strict';
import { join } from 'node:path';
import { systemClock } from '../../functions/adapters/clock.ts';
import { pubsubMessages, pubsubSubscriptionAdmin, pubsubSubscriptions } from '../../functions/adapters/pubsub.ts';
import { openDatabase } from '../../functions/adapters/sqlite-database.ts';
import { sqliteQueue } from '../../functions/adapters/sqlite-queue.ts';
import type { AgentSubscriptionRow } from '../../functions/topology.ts';
import { describeWithEmulators } from '../support/emulators.ts';
import { temporaryFolder, until } from '../support/folder.ts';
import { madeSubscriptionsContract } from './made-subscriptions.ts';
import { CONTRACT_BACKOFF, messagesTopology } from './messages.ts';

const projectId = 'heliograph-local';

for (const settles of ['when durable', 'at once'] as const)
  describe(`made subscriptions contract: SQLite, settling ${settles}`, () => {
    madeSubscriptionsContract(async (topology) => {
      const folder = temporaryFolder();
      const database = openDatabase({ path: join(folder.path, 'data.db'), settles });
      const queue = sqliteQueue(database, topology, systemClock(), { ...CONTRACT_BACKOFF, projectId });
      const close = async () => {
        await queue.close();
        await database.close();
        folder.remove();
      };
      return { messages: queue, subscriptions: queue, admin: queue, made: queue, close };
    });

    it('keeps them, and what waits in them, over a restart', async () => {
      const folder = temporaryFolder();
      const { topology, name } = messagesTopology();
      const row: AgentSubscriptionRow = {
        topic: name('paint'),
        filter: 'attributes.direct="one"',
        ackDeadlineSeconds: 600,
        retentionSeconds: 1200,
        backoffSeconds: { minimum: 10, maximum: 600 },
        endpoint: 'https://agent.example/push',
        email: 'push-agents@project.iam.gserviceaccount.com',
        audience: 'https://agent.example',
      };
      const run = async (work: (queue: ReturnType<typeof sqliteQueue>) => Promise<void>): Promise<void> => {
        const database = openDatabase({ path: join(folder.path, 'data.db'), settles });
        const queue = sqliteQueue(database, topology, systemClock(), CONTRACT_BACKOFF);
        await work(queue);
        await queue.close();
        await database.close();
      };
      await run(async (queue) => {
        await queue.ensure('agent-kept', row);
        await queue.ensure('agent-gone', row);
        await queue.publish(name('paint'), { data: 'kept', attributes: { direct: 'one' } });
        await queue.remove('agent-gone');
      });
      await run(async (queue) => {
        let seen: Readonly<Record<string, AgentSubscriptionRow>> = {};
        queue.watch((rows) => {
          seen = rows;
        });
        assert.deepEqual(seen, { 'agent-kept': row });
        const got: string[] = [];
        const stop = queue.pull('agent-kept', 10, (delivery) => {
          got.push(String(delivery.data));
          delivery.ack();
        });
        await until(() => got.length > 0, 5_000);
        assert.deepEqual(got, ['kept']);
        await stop();
      });
      folder.remove();
    });
  });

describeWithEmulators('made subscriptions contract: Pub/Sub', () => {
  madeSubscriptionsContract(async (topology) => {
    const messages = pubsubMessages({ projectId });
    const admin = pubsubSubscriptionAdmin({ projectId, emulated: true, ...CONTRACT_BACKOFF });
    const subscriptions = pubsubSubscriptions({ projectId, topology, clock: systemClock(), ...CONTRACT_BACKOFF });
    await subscriptions.createTopology();
    const close = async () => {
      await subscriptions.close();
      await admin.close();
      await messages.close();
    };
    return { messages, subscriptions, admin, made: subscriptions, close };
  });

  it('in the cloud pushes by itself, with a token of the row’s account', async () => {
    const { PubSub } = await import('@google-cloud/pubsub');
    const { topology, name } = messagesTopology();
    const subscriptions = pubsubSubscriptions({ projectId, topology, clock: systemClock() });
    await subscriptions.createTopology();
    const admin = pubsubSubscriptionAdmin({ projectId, emulated: false });
    const client = new PubSub({ projectId });
    const subscription = name('agent-cloud');
    const row: AgentSubscriptionRow = {
      topic: name('paint'),
      filter: 'attributes.direct="one"',
      ackDeadlineSeconds: 600,
      retentionSeconds: 1200,
      backoffSeconds: { minimum: 10, maximum: 600 },
      deadLetter: { topic: name('graves'), maxDeliveryAttempts: 5 },
      // Nobody listens there.
      endpoint: 'http://127.0.0.1:1/push',
      email: 'push-agents@project.iam.gserviceaccount.com',
      audience: 'https://agent.example',
    };
    for (const endpoint of [row.endpoint, 'http://127.0.0.1:1/other']) {
      await admin.ensure(subscription, { ...row, endpoint });
      const [metadata] = await client.subscription(subscription).getMetadata();
      assert.deepEqual(
        [metadata.pushConfig?.pushEndpoint, metadata.pushConfig?.oidcToken],
        [endpoint, { serviceAccountEmail: row.email, audience: row.audience }],
      );
      assert.deepEqual([metadata.filter, metadata.ackDeadlineSeconds], [row.filter, 600]);
      assert.match(String(metadata.deadLetterPolicy?.deadLetterTopic), new RegExp(`/${name('graves')}$`));
      assert.deepEqual([metadata.retryPolicy?.minimumBackoff?.seconds, metadata.expirationPolicy?.ttl ?? null], ['10', null]);
    }
    await admin.remove(subscription);
    await client.close();
    await admin.close();
    await subscriptions.close();
  });
});
