/**
 * The load on BullMQ. The event that ends the wait carries the return value and comes from the script that stores it; Redis, told
 * to sync always, sends neither before both are on disk. So a second read would only cost BullMQ time.
 */

import { Queue, QueueEvents } from 'bullmq';
import { checkEcho, payload, serveLoads, underLoad } from '../load-loop.ts';

const connection = { host: '127.0.0.1', port: Number(process.argv[2]), maxRetriesPerRequest: null };
const queue = new Queue('bench', { connection });
// From the first event on: by default it hears only what comes after its first read, and misses the first jobs' ends.
const events = new QueueEvents('bench', { connection, lastEventId: '0' });
// Each client that waits listens.
for (const heard of [queue, events]) heard.setMaxListeners(0);
await Promise.all([queue.waitUntilReady(), events.waitUntilReady()]);

await serveLoads((load) =>
  underLoad(load, async (number) => {
    const job = await queue.add('echo', payload(number));
    checkEcho(number, await job.waitUntilFinished(events, 60_000));
  }),
);
await Promise.all([queue.close(), events.close()]);
