/**
 * The load generator over HTTP, in a process of its own so that it does not share an event loop with what it measures. Reads one
 * `HttpLoad` per line on standard input and answers each with one line of figures.
 */

import { randomUUID } from 'node:crypto';
import { Pool } from 'undici';
import { checkEcho, type Load, payload, serveLoads, underLoad } from './load-loop.ts';

export interface HttpLoad extends Load {
  readonly url: string;
  /** What to speak; Heliograph's by default. */
  readonly protocol?: keyof typeof PROTOCOLS;
}

const HEADERS = { 'content-type': 'application/json' };
const PROTOCOLS = { heliograph, restate };

await serveLoads(async ({ url, protocol = 'heliograph', ...load }: HttpLoad) => {
  const pool = new Pool(url, { connections: load.clients, pipelining: 1 });
  try {
    return await underLoad(load, (number) => PROTOCOLS[protocol](pool, number));
  } finally {
    await pool.close();
  }
});

/** Dispatches a task in pubsub mode and waits until its result is stored. */
async function heliograph(pool: Pool, number: number): Promise<void> {
  const body = JSON.stringify({ agent: 'light', mode: 'pubsub', payload: payload(number), ttlSeconds: 300 });
  const dispatched = await pool.request({ path: '/dispatch', method: 'POST', headers: HEADERS, body });
  const { id } = (await dispatched.body.json()) as { id: string };
  if (dispatched.statusCode !== 202) throw new Error(`Dispatch answered ${dispatched.statusCode}.`);
  for (;;) {
    const answer = await pool.request({ path: `/task/${id}?waitSeconds=30`, method: 'GET' });
    const { status, result } = (await answer.body.json()) as { status: string; result?: unknown };
    if (status === 'succeeded') return checkEcho(number, result);
    if (status !== 'queued' && status !== 'running') throw new Error(`Task ${id} ended as ${status}.`);
  }
}

/** A one-way call, then attached to by its invocation id. Without an idempotency key the server would not keep its result. */
async function restate(pool: Pool, number: number): Promise<void> {
  const headers = { ...HEADERS, 'idempotency-key': randomUUID() };
  const sent = await pool.request({
    path: '/bench/echo/send',
    method: 'POST',
    headers,
    body: JSON.stringify(payload(number)),
  });
  const { invocationId } = (await sent.body.json()) as { invocationId: string };
  if (sent.statusCode !== 202) throw new Error(`The ingress answered ${sent.statusCode}.`);
  const answer = await pool.request({ path: `/restate/invocation/${invocationId}/attach`, method: 'GET' });
  const result = await answer.body.json();
  if (answer.statusCode !== 200) throw new Error(`Attaching was answered ${answer.statusCode}.`);
  checkEcho(number, result);
}
