/**
 * The load on pg-boss. Nothing tells a caller that its job has ended, so each asks for it, first after 2 ms and then ever less
 * often: asking all the time would take the workers' share of the machine.
 */

import { setTimeout as pause } from 'node:timers/promises';
import { PgBoss } from 'pg-boss';
import { checkEcho, payload, serveLoads, underLoad } from '../load-loop.ts';

const boss = new PgBoss({ connectionString: process.argv[2], max: 16, supervise: false, schedule: false });
boss.on('error', (error) => console.error(`pg-boss load: ${error.message}`));
await boss.start();

await serveLoads((load) =>
  underLoad(load, async (number) => {
    const id = await boss.send('bench', payload(number));
    if (id === null) throw new Error('pg-boss took no job.');
    for (let pauseMs = 2; ; pauseMs = Math.min(pauseMs * 1.5, 50)) {
      await pause(pauseMs);
      const [job] = await boss.findJobs('bench', { id });
      if (job?.state === 'failed') throw new Error(`Job ${id} failed: ${JSON.stringify(job.output)}`);
      if (job?.state === 'completed') return checkEcho(number, job.output);
    }
  }),
);
await boss.stop({ graceful: false });
