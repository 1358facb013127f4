/** The bare pipeline and its callers in a process of their own: a caller has its result once the third write is acknowledged. */

import { startBarePipeline } from './bare-pipeline.ts';
import { checkEcho, payload, serveLoads, underLoad } from './load-loop.ts';

const pipeline = await startBarePipeline(process.argv[2] ?? 'heliograph-local');
await serveLoads((load) => underLoad(load, async (number) => checkEcho(number, await pipeline.one(payload(number)))));
await pipeline.close();
