/** An embedded Heliograph where nothing happens but what the test asks for, so that writes can be counted. */

import { Pool } from 'undici';
import { PreconditionFailed } from '../../functions/core/ports.ts';
import type { Runtime } from '../../functions/core/runtime.ts';
import { problemSchema } from '../../scripts/openapi/replies/problem.ts';
import type { Refusal, View } from '../support/stack.ts';
import { type EmbeddedTestStack, embeddedStack } from '../support/stack-embedded.ts';
import { claimAsCodex } from '../support/stack-push.ts';

export interface Answer {
  readonly status: number;
  readonly body: View & Refusal & { readonly tasks?: readonly View[] };
}

export interface QuietStack {
  readonly stack: EmbeddedTestStack;
  /** Sends bytes as they are, all else as JSON; the path too goes out as it stands: `fetch` would resolve its dots. */
  ask(
    method: 'GET' | 'POST' | 'PUT' | 'DELETE',
    path: string,
    given?: unknown,
    headers?: Readonly<Record<string, string>>,
  ): Promise<Answer>;
  /** What the functions have written and published so far. */
  written(): { readonly writes: number; readonly publishes: number };
  /** A task of codex that the caller has claimed, with the proof of the attempt. */
  claimed(
    packet?: object,
  ): Promise<{ readonly id: string; readonly proof: { readonly epoch: number; readonly outcomeToken: string } }>;
  close(): Promise<void>;
}

/** What is claimed by hand stays so, and no sweep writes. */
const SLOW = {
  'times.sweepMs': 600_000,
  'times.republishMs': 600_000,
  'times.leaseMarginMs': 60_000,
  'times.leaseMaximumMs': 60_000,
};

export async function quietStack(flags: Readonly<Record<string, unknown>> = {}): Promise<QuietStack> {
  const stack = await embeddedStack({ ...SLOW, ...flags }, (runtime) => (runtime.name === 'sweeper' ? idle(runtime) : runtime));
  const pool = new Pool(stack.url, { connections: 8 });
  // A tenant's first task makes a record of the tenant too.
  await stack.dispatch({});
  return {
    stack,
    async ask(method, path, given, headers = {}) {
      const body = given === undefined ? null : Buffer.isBuffer(given) ? given : JSON.stringify(given);
      const type: Record<string, string> = body === null ? {} : { 'content-type': 'application/json' };
      const reply = await pool.request({ method, path, body, headers: { ...type, ...headers } });
      const answered = (await reply.body.json()) as Answer['body'];
      if (reply.statusCode >= 400) problemSchema.parse(answered);
      return { status: reply.statusCode, body: answered };
    },
    written: () => ({ writes: stack.counts.writes, publishes: stack.counts.publishes }),
    async claimed(packet = {}) {
      stack.fate = (topic) => (topic === 'tasks' ? 'lost' : 'out');
      const { body } = await stack.dispatch({ agent: 'codex', mode: 'pubsub', ...packet });
      stack.fate = () => 'out';
      const { epoch, outcomeToken } = (await claimAsCodex(stack, body.id)).body.attempt;
      return { id: body.id, proof: { epoch, outcomeToken } };
    },
    async close() {
      await pool.destroy();
      await stack.stop();
    },
  };
}

/** A sweep comes at the minute, however slow it is set, and the first one seals what there is. */
function idle(runtime: Runtime): Runtime {
  const commit = async () => {
    throw new PreconditionFailed('Nothing sweeps here.');
  };
  return { ...runtime, documents: { ...runtime.documents, commit } };
}

/** Runs over all of them, eight at a time. */
export async function each<T>(all: readonly T[], run: (one: T) => Promise<void>): Promise<void> {
  const waiting = all.values();
  const worker = async () => {
    for (const one of waiting) await run(one);
  };
  await Promise.all(Array.from({ length: 8 }, worker));
}
