/** Runs tasks one after another on the embedded runtime, and counts what each would be billed for. */

import type { Documents, Messages, Objects } from '../../functions/core/ports.ts';
import type { Runtime } from '../../functions/core/runtime.ts';
import type { Task } from '../../functions/core/task.ts';
import { topology } from '../../functions/topology.ts';
import type { Extra, Operations, Way } from '../../scripts/cost/operations.ts';
import { until } from '../support/folder.ts';
import { httpListener } from '../support/http-listener.ts';
import { type EmbeddedTestStack, embeddedStack } from '../support/stack-embedded.ts';

/** Of those that run for long, one. */
const TASKS = 3;
/** More does not travel in a message or document of these tests. */
const INLINE_BYTES = 16_384;
const LARGE = 'x'.repeat(INLINE_BYTES);

/** `remote` is served by agent-light, like `light`, and answers what and when the test wants. */
export interface Wanted extends Way, Extra {
  readonly by: 'light' | 'remote' | 'codex';
  readonly runMs: number;
  readonly leaseMs: number;
}

export interface Counted {
  /** Per task; what expires later is not seen. */
  readonly operations: Omit<Operations, 'deletes'>;
  /** What a listener was told, per task. */
  readonly told: number;
  /** Bytes of the last message of each topic, its attributes included. */
  readonly messages: Readonly<Record<string, number>>;
  readonly task: Task;
  readonly view: Readonly<Record<string, unknown>>;
  readonly logged: readonly string[];
}

export async function countedTask(wanted: Wanted): Promise<Counted> {
  const tasks = wanted.runMs > 1_000 ? 1 : TASKS;
  const seen = { puts: 0, gets: 0, told: 0, requests: {} as Record<string, number>, publishes: {} as Record<string, number> };
  const messageBytes: Record<string, number> = {};
  const logged: string[] = [];
  const listener = await httpListener(async ({ path }) => {
    if (path === '/callback') return { status: 200 };
    await new Promise((resolve) => setTimeout(resolve, wanted.runMs));
    const result = { text: wanted.largeResult ? LARGE : 'y' };
    return { status: 200, body: { status: 'succeeded', result, costCents: 1 } };
  });
  const stack = await embeddedStack(
    {
      // A sweep reads, whatever there is to do; and each instance reads a tenant's limits and switches now and then.
      'times.sweepMs': 59_999,
      'times.limitsCacheMs': 59_999,
      'times.switchesMs': 9_000,
      'limits.inlineBytes': INLINE_BYTES,
      'times.leaseMaximumMs': wanted.leaseMs,
      'times.leaseMarginMs': wanted.leaseMs,
      agents: [{ name: 'remote', endpoint: `${listener.url}/run`, priceCents: 5 }],
    },
    (runtime) => ({
      ...runtime,
      documents: documents(runtime.documents),
      objects: objects(runtime.objects),
      messages: messages(runtime.messages),
      egress: egress(runtime),
      log: { debug: loud, info: loud, warn: loud, error: loud },
    }),
  );
  try {
    if (wanted.budget) await stack.put('/budgets/tenant', { limitCents: 1_000_000 });
    await one('warm');
    Object.assign(seen, { puts: 0, gets: 0, told: 0, requests: {}, publishes: {} });
    const before = { ...stack.counts, pushed: pushed(stack) };
    let id = '';
    for (let n = 0; n < tasks; n++) id = await one(`${n}`);
    const operations = {
      reads: (stack.counts.reads - before.reads) / tasks,
      writes: (stack.counts.writes - before.writes) / tasks,
      puts: seen.puts / tasks,
      gets: seen.gets / tasks,
      publishes: perTask(seen.publishes, tasks),
      requests: perTask(added(seen.requests, pushed(stack), before.pushed), tasks),
    };
    const { task } = await stack.stored(id);
    const view = (await stack.get(`/task/${id}`)).body;
    return { operations, told: seen.told / tasks, messages: messageBytes, task, view, logged };
  } finally {
    await stack.stop();
    await listener.close();
  }

  /** Waits without looking at what is counted. */
  async function one(key: string): Promise<string> {
    const { body, status } = await stack.dispatch({
      agent: wanted.by,
      mode: wanted.mode,
      payload: payload(),
      idempotencyKey: key.padEnd(36, 'k'),
      ...(wanted.callback ? { callbackUrl: `${listener.url}/callback` } : {}),
    });
    if (status >= 300) throw new Error(`Dispatch answered ${status} ${JSON.stringify(body)}`);
    for (let n = 0; n < wanted.waits; n++) await stack.get(`/task/${body.id}?waitSeconds=20`);
    await until(async () => {
      const { task } = await stack.stored(body.id);
      return task.status === 'succeeded' && !task.pending?.length && task.callback === (wanted.callback ? 'delivered' : undefined);
    });
    await until(() => Object.values(stack.local.counters()).every(({ inFlight }) => inFlight === 0));
    for (let n = 0; n < wanted.reads; n++) await stack.get(`/task/${body.id}`);
    count(seen.requests, 'dispatch', 1 + wanted.waits + wanted.reads);
    return body.id;
  }

  function payload(): Record<string, unknown> {
    if (wanted.by !== 'codex') return { text: wanted.largePayload ? LARGE : 'x' };
    const names = Array.from({ length: wanted.largeResult ? 1_000 : 1 }, (_, n) => `export function named${n}() {}`);
    return { source: `${wanted.largePayload ? `// ${LARGE}\n` : ''}${names.join('\n')}`, pauseMs: wanted.runMs };
  }

  function documents(inner: Documents): Documents {
    return {
      ...inner,
      watch: (collection, id, onChange, onError) =>
        inner.watch(
          collection,
          id,
          (document) => {
            seen.told += 1;
            onChange(document);
          },
          onError,
        ),
    };
  }

  function objects(inner: Objects): Objects {
    return {
      ...inner,
      put(...given) {
        seen.puts += 1;
        return inner.put(...given);
      },
      get(...given) {
        seen.gets += 1;
        return inner.get(...given);
      },
    };
  }

  function messages(inner: Messages): Messages {
    return {
      ...inner,
      publish(topic, message) {
        count(seen.publishes, topic, 1);
        messageBytes[topic] = Buffer.byteLength([message.data, ...Object.entries(message.attributes).flat()].join(''));
        return inner.publish(topic, message);
      },
    };
  }

  function egress({ egress: inner, settings }: Runtime): Runtime['egress'] {
    return {
      ...inner,
      request(request) {
        const name = Object.keys(settings.functionUrls).find((one) => request.url.startsWith(`${settings.functionUrls[one]}/`));
        if (name !== undefined) count(seen.requests, name, 1);
        return inner.request(request);
      },
    };
  }

  function loud(_fields: unknown, message: string): void {
    logged.push(message);
  }
}

function pushed({ local }: EmbeddedTestStack): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const [name, { acked }] of Object.entries(local.counters()))
    count(counts, topology.subscriptions[name]?.function ?? name, acked);
  return counts;
}

function added(
  counts: Record<string, number>,
  now: Record<string, number>,
  before: Record<string, number>,
): Record<string, number> {
  const sums = { ...counts };
  for (const [name, acked] of Object.entries(now)) count(sums, name, acked - (before[name] ?? 0));
  return sums;
}

function count(counts: Record<string, number>, name: string, by: number): void {
  counts[name] = (counts[name] ?? 0) + by;
}

/** Without what never happened. */
function perTask(counts: Record<string, number>, tasks: number): Record<string, number> {
  return Object.fromEntries(Object.entries(counts).flatMap(([name, sum]) => (sum === 0 ? [] : [[name, sum / tasks]])));
}
