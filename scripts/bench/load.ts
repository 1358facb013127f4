/**
 * The load generator, in a process of its own so that it does not share an event loop with what it measures. Reads one command
 * per line on standard input (`{url, clients, tasks, agent}`) and answers each with one line of figures.
 */

import { createInterface } from 'node:readline';
import { Pool } from 'undici';

/** How long each task took from its dispatch to its stored result, as its caller sees it. */
export interface LoadResult {
  readonly tasks: number;
  readonly seconds: number;
  readonly perSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

interface Load {
  readonly url: string;
  readonly clients: number;
  readonly tasks: number;
}

const HEADERS = { 'content-type': 'application/json' };

/** Each client dispatches a task in pubsub mode, waits until its result is stored, and goes on to the next. */
async function run({ url, clients, tasks }: Load): Promise<LoadResult> {
  const pool = new Pool(url, { connections: clients, pipelining: 1 });
  const times: number[] = [];
  let next = 0;
  const started = performance.now();
  await Promise.all(
    Array.from({ length: clients }, async () => {
      while (next < tasks) {
        const number = next++;
        const from = performance.now();
        await oneTask(pool, number);
        times.push(performance.now() - from);
      }
    }),
  );
  const seconds = (performance.now() - started) / 1000;
  await pool.close();
  times.sort((a, b) => a - b);
  const at = (share: number) => times[Math.min(times.length - 1, Math.floor(times.length * share))] ?? 0;
  return { tasks, seconds, perSecond: tasks / seconds, p50Ms: at(0.5), p99Ms: at(0.99) };
}

async function oneTask(pool: Pool, number: number): Promise<void> {
  const body = JSON.stringify({ agent: 'light', mode: 'pubsub', payload: { number, text: 'measured' }, ttlSeconds: 300 });
  const dispatched = await pool.request({ path: '/dispatch', method: 'POST', headers: HEADERS, body });
  const { id } = (await dispatched.body.json()) as { id: string };
  if (dispatched.statusCode !== 202) throw new Error(`Dispatch answered ${dispatched.statusCode}.`);
  for (;;) {
    const answer = await pool.request({ path: `/task/${id}?waitSeconds=30`, method: 'GET' });
    const { status } = (await answer.body.json()) as { status: string };
    if (status === 'succeeded') return;
    if (status !== 'queued' && status !== 'running') throw new Error(`Task ${id} ended as ${status}.`);
  }
}

for await (const line of createInterface({ input: process.stdin })) {
  console.log(JSON.stringify(await run(JSON.parse(line) as Load)));
}
