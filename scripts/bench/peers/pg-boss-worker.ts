/** The work as pg-boss workers on the PostgreSQL at the given address, woken by its notifications rather than by polling. */

import { PgBoss } from 'pg-boss';

const boss = new PgBoss({ connectionString: process.argv[2], max: 16, useListenNotify: true });
boss.on('error', (error) => console.error(`pg-boss worker: ${error.message}`));
await boss.start();
await boss.createQueue('bench', { notify: true });
await boss.work(
  'bench',
  { pollingIntervalSeconds: 0.5, notifyPollingIntervalSeconds: 0.5, batchSize: 32, burstWhenBatchFull: true, perJobResults: true },
  async (jobs) => jobs.map(({ id, data }) => ({ id, status: 'completed', output: { echo: data } })),
);
console.log('The worker is ready at postgresql');
process.once('SIGINT', () => process.exit(0));
