/** The work as a BullMQ worker on the Redis at the given port. */

import { Worker } from 'bullmq';

const connection = { host: '127.0.0.1', port: Number(process.argv[2]), maxRetriesPerRequest: null };
const worker = new Worker('bench', async ({ data }) => ({ echo: data }), { connection, concurrency: 64 });
worker.on('error', (error) => console.error(`bullmq worker: ${error.message}`));
await worker.waitUntilReady();
console.log('The worker is ready at redis');
process.once('SIGINT', () => process.exit(0));
