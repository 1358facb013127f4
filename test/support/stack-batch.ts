/** A batch of mixed tasks whose every outcome and cost is known beforehand, however often whatever runs it is killed. */

import assert from 'node:assert/strict';
import { keyedId } from '../../functions/core/create.ts';
import type { Listener } from './http-listener.ts';
import type { View } from './stack.ts';

interface Kind {
  readonly packet: Record<string, unknown>;
  readonly status: string;
  readonly code?: string;
  readonly priceCents: number;
  /** Fixed where each run counts, whyever it ended. */
  readonly runs?: number;
  /** It depends on the task so many places before. */
  readonly after?: number;
}

interface Page {
  readonly tasks: readonly View[];
  readonly nextCursor?: string;
}

/** What a run costs at the relayed agent. */
export const RELAY_CENTS = 3;
const patient = { maxAttempts: 20, ttlSeconds: 600 };

const kinds = (callbackUrl: string): readonly Kind[] => [
  { packet: { agent: 'light', mode: 'pubsub', ...patient }, status: 'succeeded', priceCents: 5 },
  { packet: { agent: 'light', mode: 'http', ...patient }, status: 'succeeded', priceCents: 5 },
  { packet: { agent: 'codex', mode: 'pubsub', ...patient }, status: 'succeeded', priceCents: 5 },
  { packet: { agent: 'codex', mode: 'http', ...patient }, status: 'succeeded', priceCents: 5 },
  { packet: { agent: 'remote', mode: 'pubsub', ...patient }, status: 'succeeded', priceCents: RELAY_CENTS },
  { packet: { agent: 'remote', mode: 'http', ...patient }, status: 'succeeded', priceCents: RELAY_CENTS },
  { packet: { agent: 'remote', mode: 'pubsub', ...patient, callbackUrl }, status: 'succeeded', priceCents: RELAY_CENTS },
  {
    packet: { agent: 'codex', mode: 'pubsub', payload: { fail: 'retry' }, maxAttempts: 2, ttlSeconds: 600 },
    status: 'dead',
    code: 'attempts_exhausted',
    priceCents: 5,
    runs: 2,
  },
  { packet: { agent: 'light', mode: 'pubsub', budgetCents: 1 }, status: 'failed', code: 'budget_exceeded', priceCents: 5, runs: 0 },
  {
    packet: { agent: 'light', mode: 'pubsub', ttlSeconds: 0.000_001 },
    status: 'expired',
    code: 'ttl_expired',
    priceCents: 5,
    runs: 0,
  },
  { packet: { agent: 'light', mode: 'pubsub', ...patient }, after: 8, status: 'succeeded', priceCents: 5 },
  {
    packet: { agent: 'codex', mode: 'pubsub', ...patient },
    after: 4,
    status: 'cancelled',
    code: 'dependency_failed',
    priceCents: 5,
    runs: 0,
  },
];

export interface Batch {
  /** Posts it all, each until it is accepted. */
  dispatch(clients?: number): Promise<void>;
  /** Waits for the end of every task, and compares outcomes, costs and effects with what they have to be. */
  check(withinMs: number): Promise<void>;
}

/** `url` may change while it runs; `agent` stands behind the name `remote`, `receiver` behind the callbacks. */
export function mixedBatch(name: string, count: number, url: () => string, agent: Listener, receiver: Listener): Batch {
  const all = kinds(`${receiver.url}/callback`);
  const rows = Array.from({ length: count }, (_, n) => {
    const kind = all[n % all.length] as Kind;
    const payload = { ...(kind.packet.payload as object | undefined), batch: name, n };
    const before = kind.after === undefined ? undefined : all[(n - kind.after) % all.length];
    const dependencies = before && [keyedId('default', String(before.packet.agent), `${name} ${n - (kind.after ?? 0)}`)];
    return { kind, packet: { ...kind.packet, payload, dependencies, idempotencyKey: `${name} ${n}` } };
  });
  const ids = new Map<string, Kind>();

  return {
    async dispatch(clients = 12) {
      const waiting = rows.values();
      await Promise.all(
        Array.from({ length: clients }, async () => {
          for (const { kind, packet } of waiting) ids.set(await accepted(packet), kind);
        }),
      );
    },

    async check(withinMs) {
      const end = Date.now() + withinMs;
      assert.equal(ids.size, count, 'two posts became one task');
      for (const [id, kind] of ids) checkTask(await ended(id, end), kind);
      assert.deepEqual(new Set(await listed()), new Set(ids.keys()), 'there are tasks that nobody posted, or some are gone');
      checkEffects();
    },
  };

  async function accepted(packet: object): Promise<string> {
    for (;;) {
      const reply = await asked('/dispatch', packet);
      if (reply !== undefined && reply.status < 300) return reply.body.id;
      // What it depends on may not have been posted yet.
      const isEarly = reply?.body.code === 'dependency_not_found';
      assert.ok(reply === undefined || reply.status >= 500 || isEarly, JSON.stringify(reply));
      await pause();
    }
  }

  async function ended(id: string, end: number): Promise<View> {
    for (;;) {
      const reply = await asked(`/task/${id}?waitSeconds=5`);
      if (reply?.status === 200 && 'finishedAt' in reply.body) return reply.body;
      if (Date.now() > end) throw new Error(`lost: ${JSON.stringify(reply)}`);
      await pause();
    }
  }

  async function listed(): Promise<string[]> {
    const found: string[] = [];
    for (let cursor = ''; ; ) {
      const reply = await asked(`/tasks?limit=200${cursor}`);
      assert.equal(reply?.status, 200);
      const { tasks, nextCursor }: Page = (reply as { body: unknown }).body as Page;
      found.push(...tasks.filter(({ payload }) => (payload as { batch?: string }).batch === name).map(({ id }) => id));
      if (nextCursor === undefined) return found;
      cursor = `&cursor=${nextCursor}`;
    }
  }

  /** Nothing where no answer came. */
  async function asked(path: string, packet?: object): Promise<{ status: number; body: View } | undefined> {
    const init = packet && { method: 'POST', body: JSON.stringify(packet), headers: { 'content-type': 'application/json' } };
    try {
      const response = await fetch(url() + path, { ...init, signal: AbortSignal.timeout(20_000) });
      return { status: response.status, body: (await response.json()) as View };
    } catch {
      return undefined;
    }
  }

  function checkEffects(): void {
    const effects = new Set(agent.received.map(({ headers }) => String(headers['idempotency-key'])));
    const remote = [...ids].filter(([, { packet }]) => packet.agent === 'remote').map(([id]) => id);
    assert.deepEqual(new Set(remote), effects, 'an effect without a task, or a task without its effect');
    const told = new Set(receiver.received.map(({ headers }) => String(headers['webhook-id'])));
    assert.deepEqual(told, new Set([...ids].filter(([, { packet }]) => packet.callbackUrl).map(([id]) => id)));
  }
}

function checkTask(view: View, kind: Kind): void {
  const runs = view.timeline.filter(({ event }) => event === 'running').length;
  const ends = view.timeline.filter(({ event }) => ['succeeded', 'failed', 'expired', 'cancelled', 'dead'].includes(event));
  const shown = JSON.stringify(view);
  assert.deepEqual([view.status, view.error?.code, ends.length], [kind.status, kind.code, 1], shown);
  assert.equal(view.attempts, kind.runs ?? runs, shown);
  assert.equal(runs, view.attempts, shown);
  assert.equal(view.costCents, kind.priceCents * runs, shown);
}

const pause = () => new Promise((resolve) => setTimeout(resolve, 40));
