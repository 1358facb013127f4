/** Tasks of every kind whose ends are known beforehand, whatever befalls them on the way; each is posted until it is accepted. */

import { setTimeout as pause } from 'node:timers/promises';
import { keyedId } from '../../functions/core/create.ts';
import type { Known, Task } from '../../functions/core/task.ts';
import type { Listener, Received } from '../support/http-listener.ts';
import type { TestStack } from '../support/stack.ts';
import { REMOTE_COST_CENTS } from './faulty-stack.ts';
import { allEnded, storedTasks } from './stored-load.ts';

export interface Kind {
  readonly agent: 'remote' | 'light' | 'codex';
  readonly mode?: 'http' | 'straight';
  readonly calledBack?: boolean;
  readonly dies?: boolean;
}

/** Of twenty tasks. */
export const MIX: readonly Kind[] = [
  ...Array.from({ length: 9 }, (): Kind => ({ agent: 'remote' })),
  ...Array.from({ length: 4 }, (): Kind => ({ agent: 'light' })),
  ...Array.from({ length: 2 }, (): Kind => ({ agent: 'codex' })),
  { agent: 'remote', mode: 'http' },
  { agent: 'remote', mode: 'straight' },
  { agent: 'remote', calledBack: true },
  { agent: 'remote', calledBack: true, dies: true },
  { agent: 'remote', dies: true },
];

export interface LoadOptions {
  /** Also the trace id of all its tasks. */
  readonly name: string;
  readonly count: number;
  readonly clients?: number;
  readonly mix?: readonly Kind[];
  /** How long a run of the test's agent takes. */
  readonly agentMs?: () => number;
  /** Over how long it is posted, evenly; as fast as it goes without. */
  readonly spreadMs?: number;
  /** What a run waits for. */
  readonly until?: () => Promise<void> | undefined;
}

export interface Load {
  readonly name: string;
  /** What was accepted, by id. */
  readonly accepted: ReadonlyMap<string, Kind>;
  /** What the test's agent was asked to run, in order. */
  runs(): readonly { readonly taskId: string; readonly epoch: number }[];
  readonly receiver: Listener;
  /** Posts it all. */
  post(): Promise<void>;
  /** Waits until nothing is under way any more and everything that follows is done. */
  ended(withinMs: number): Promise<void>;
  /** Every task of it in the store. */
  stored(): Promise<Known<Task>[]>;
}

/** What a load is given to: the store as it is, and the address, which may change. */
export type LoadedStack = Pick<TestStack, 'documents' | 'publish' | 'url'>;

export function load(stack: () => LoadedStack, agent: Listener, receiver: Listener, options: LoadOptions): Load {
  const { name, count, clients = 24, mix = MIX, agentMs = () => 0, spreadMs = 0 } = options;
  const accepted = new Map<string, Kind>();
  const runs: { taskId: string; epoch: number }[] = [];
  agent.received.length = 0;
  receiver.received.length = 0;
  agent.answer = async ({ body }: Received) => {
    const { taskId, epoch, payload } = JSON.parse(body);
    if (payload.load === name) runs.push({ taskId, epoch });
    const ms = agentMs();
    if (ms > 0) await pause(ms);
    await options.until?.();
    // A 500 would open the agent's circuit, and all its other tasks wait.
    if (payload.dies) return { status: 429, body: {} };
    return { status: 200, body: { status: 'succeeded', result: { n: payload.n, epoch }, costCents: REMOTE_COST_CENTS } };
  };

  async function post(n: number): Promise<void> {
    const kind = mix[n % mix.length] as Kind;
    const idempotencyKey = `${name} ${n}`;
    const payload = { load: name, n, ...(kind.dies ? { dies: true } : {}) };
    const patience = { ttlSeconds: 900, maxAttempts: kind.dies ? DEAD_AFTER : 20 };
    const packet = {
      agent: kind.agent,
      payload,
      ...patience,
      ...(kind.calledBack ? { callbackUrl: `${receiver.url}/callback` } : {}),
    };
    if (kind.mode === 'straight') {
      const attributes = { agent: kind.agent, traceId: name, idempotencyKey };
      await patiently(async () => (await stack().publish('tasks', packet, attributes)) !== '');
      accepted.set(keyedId('default', kind.agent, idempotencyKey), kind);
      return;
    }
    const body = JSON.stringify({ ...packet, mode: kind.mode ?? 'pubsub', idempotencyKey, traceId: name });
    await patiently(async () => {
      const headers = { 'content-type': 'application/json' };
      const init = { method: 'POST', body, headers, signal: AbortSignal.timeout(20_000) };
      const response = await fetch(`${stack().url}/dispatch`, init);
      const reply = (await response.json()) as { id: string };
      if (response.status < 300) accepted.set(reply.id, kind);
      else if (response.status < 500) throw new Refused(JSON.stringify(reply));
      return response.status < 300;
    });
  }

  return {
    name,
    accepted,
    runs: () => runs,
    receiver,
    stored: () => storedTasks(stack().documents, name),
    async post() {
      const numbers = Array.from({ length: count }, (_, n) => n).values();
      const began = Date.now();
      await Promise.all(
        Array.from({ length: clients }, async () => {
          for (const n of numbers) {
            if (spreadMs > 0) await pause(Math.max(0, began + (spreadMs * n) / count - Date.now()));
            await post(n);
          }
        }),
      );
    },
    ended: (withinMs) => allEnded(() => stack().documents, name, count, withinMs),
  };
}

/** Attempts of a task that dies. */
export const DEAD_AFTER = 2;

class Refused extends Error {}

/** Tries until it holds, whatever goes wrong, except a refusal. */
async function patiently(attempt: () => Promise<boolean>): Promise<void> {
  for (;;) {
    const good = await attempt().catch((error: unknown) => {
      if (error instanceof Refused) throw error;
      return false;
    });
    if (good) return;
    await pause(40);
  }
}
