import { join } from 'node:path';
import { systemClock } from '../../functions/adapters/clock.ts';
import { pubsubMessages, pubsubSubscriptions } from '../../functions/adapters/pubsub.ts';
import { openDatabase } from '../../functions/adapters/sqlite-database.ts';
import { sqliteQueue } from '../../functions/adapters/sqlite-queue.ts';
import { describeWithEmulators } from '../support/emulators.ts';
import { temporaryFolder } from '../support/folder.ts';
import { CONTRACT_BACKOFF, messagesContract } from './messages.ts';

const projectId = 'heliograph-local';

for (const settles of ['when durable', 'at once'] as const)
  describe(`messages contract: SQLite, settling ${settles}`, () => {
    messagesContract(async (topology) => {
      const folder = temporaryFolder();
      const database = openDatabase({ path: join(folder.path, 'data.db'), settles });
      const queue = sqliteQueue(database, topology, systemClock(), { ...CONTRACT_BACKOFF, projectId });
      const close = async () => {
        await queue.close();
        await database.close();
        folder.remove();
      };
      return { messages: queue, subscriptions: queue, close };
    });
  });

describeWithEmulators('messages contract: Pub/Sub', () => {
  messagesContract(async (topology) => {
    const messages = pubsubMessages({ projectId });
    const subscriptions = pubsubSubscriptions({ projectId, topology, clock: systemClock(), ...CONTRACT_BACKOFF });
    await subscriptions.createTopology();
    await subscriptions.createTopology();
    const close = async () => {
      await subscriptions.close();
      await messages.close();
    };
    return { messages, subscriptions, close };
  });
});
