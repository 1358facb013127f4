/** A whole Heliograph for tests, reached as users reach it: over HTTP at its one address, and by publishing on its topics. */

import type { LocalStack } from '../../emulator-bridge/local-stack.ts';
import { systemClock } from '../../functions/adapters/clock.ts';
import type { Parts } from '../../functions/adapters/runtime.ts';
import type { Log, Stored } from '../../functions/core/ports.ts';
import { readSettings, type Settings, variableOf } from '../../functions/core/settings.ts';
import { readTask } from '../../functions/core/store.ts';
import type { Known, Task } from '../../functions/core/task.ts';
import { until } from './folder.ts';

/** The task view, as far as tests look into it. */
export interface View {
  readonly id: string;
  readonly agent: string;
  readonly status: string;
  readonly result?: Record<string, unknown>;
  readonly error?: { readonly code: string; readonly message: string };
  readonly budgetCents: number;
  readonly costCents: number;
  readonly attempts: number;
  readonly ttl: number;
  readonly timeline: readonly { readonly event: string; readonly [detail: string]: unknown }[];
  readonly [field: string]: unknown;
}

/** A problem document. */
export interface Refusal {
  readonly status: number;
  readonly code: string;
  readonly detail: string;
  readonly errors?: readonly { readonly field: string; readonly code: string; readonly message: string }[];
}

export interface Reply<T> {
  readonly status: number;
  readonly headers: Headers;
  readonly body: T;
}

type Json = Record<string, unknown>;
type Packet = Json & { readonly agent?: string; readonly payload?: unknown };

export type Reached = Pick<Parts, 'documents' | 'control' | 'messages' | 'objects' | 'signing'>;

export interface TestStack extends Reached {
  readonly local: LocalStack;
  readonly settings: Settings;
  readonly url: string;
  get<T = View>(path: string, headers?: Record<string, string>): Promise<Reply<T>>;
  post<T = View>(path: string, body: unknown, headers?: Record<string, string>): Promise<Reply<T>>;
  put<T = View>(path: string, body: unknown, headers?: Record<string, string>): Promise<Reply<T>>;
  delete<T = View>(path: string, headers?: Record<string, string>): Promise<Reply<T>>;
  /** Posts a packet for `light` with an empty payload, but for what it says. */
  dispatch<T = View>(packet: Packet, headers?: Record<string, string>): Promise<Reply<T>>;
  /** Waits for the end of a task. Fails after `withinMs` (default 15 s). */
  ended(id: string, withinMs?: number): Promise<View>;
  /** Dispatches in pubsub mode and waits for the end. */
  run(packet: Packet): Promise<View>;
  /** Waits until the task has the status or, as a condition, what is asked of it. */
  reaches(id: string, condition: string | ((view: View) => boolean), withinMs?: number): Promise<View>;
  /** Publishes straight to a topic; returns the message id. */
  publish(topic: string, data: unknown, attributes?: Record<string, string>): Promise<string>;
  /** The task as it is stored. */
  stored(id: string): Promise<Known<Task>>;
  /** What is in quarantine. */
  quarantined(): Promise<Stored[]>;
  stop(): Promise<void>;
}

export const silent: Log = { debug() {}, info() {}, warn() {}, error() {} };

const QUICK: Readonly<Record<string, unknown>> = {
  auth: 'open',
  port: 0,
  allowLoopback: true,
  logLevel: 'silent',
  'times.leaseMarginMs': 2_000,
  'times.leaseMaximumMs': 2_000,
  'times.resultGraceMs': 1_000,
  'times.republishMs': 1_500,
  'times.republishMaximumMs': 6_000,
  'times.retryMinimumMs': 50,
  'times.retryMaximumMs': 400,
  'times.sweepMs': 500,
  'times.backoffMinimumMs': 100,
  'times.backoffMaximumMs': 1_000,
  'times.httpWaitMs': 5_000,
  'times.backupLeaseMs': 2_000,
  'times.backupProgressMs': 300,
};

/** Quick settings: a lease of 2 s, grace of 1 s, a sweep each 0.5 s, backoff of 0.1 to 1 s. `flags` are by path. */
export function quickSettings(flags: Readonly<Record<string, unknown>>): Settings {
  return readSettings({}, { ...QUICK, ...flags });
}

/** The same times as variables: all that a deployed function may be told of these settings. */
export function quickVariables(): Record<string, string> {
  const times = Object.entries(QUICK).filter(([path]) => path.startsWith('times.'));
  return Object.fromEntries(times.map(([path, value]) => [variableOf(path), String(value)]));
}

/** The client's side of a running stack. */
export function testStack(local: LocalStack, parts: Reached, stop: () => Promise<void>): TestStack {
  const { url } = local;
  const authorized = (headers: Record<string, string> = {}) => ({
    ...(local.key === undefined || 'authorization' in headers ? {} : { 'x-api-key': local.key }),
    ...headers,
  });
  async function replied<T>(response: Response): Promise<Reply<T>> {
    const text = await response.text();
    return { status: response.status, headers: response.headers, body: (text === '' ? undefined : JSON.parse(text)) as T };
  }
  async function sent<T>(method: string, path: string, body: unknown, headers?: Record<string, string>): Promise<Reply<T>> {
    const response = await fetch(path.startsWith('http') ? path : url + path, {
      method,
      headers: authorized({ 'content-type': 'application/json', ...headers }),
      body: typeof body === 'string' ? body : JSON.stringify(body),
    });
    return replied(response);
  }
  const stack: TestStack = {
    ...parts,
    local,
    url,
    settings: local.settings,
    stop,
    get: async (path, headers) => replied(await fetch(url + path, { headers: authorized(headers) })),
    post: (path, body, headers) => sent('POST', path, body, headers),
    put: (path, body, headers) => sent('PUT', path, body, headers),
    delete: async (path, headers) => replied(await fetch(url + path, { method: 'DELETE', headers: authorized(headers) })),
    dispatch: (packet, headers) => stack.post('/dispatch', { agent: 'light', payload: {}, ...packet }, headers),
    async ended(id, withinMs = 15_000) {
      const end = Date.now() + withinMs;
      for (;;) {
        const { status, body } = await stack.get(`/task/${id}?waitSeconds=5`);
        if (status === 200 && 'finishedAt' in body) return body;
        if (Date.now() > end) throw new Error(`Task ${id} did not end: ${JSON.stringify(body)}`);
      }
    },
    async run(packet) {
      const { status, body } = await stack.dispatch({ mode: 'pubsub', ...packet });
      if (status !== 202) throw new Error(`dispatch answered ${status} ${JSON.stringify(body)}`);
      return stack.ended(body.id);
    },
    async reaches(id, condition, withinMs = 10_000) {
      let last: View | undefined;
      const holds = typeof condition === 'string' ? (view: View) => view.status === condition : condition;
      await until(async () => {
        const { status, body } = await stack.get(`/task/${id}`);
        last = status === 200 ? body : undefined;
        return last !== undefined && holds(last);
      }, withinMs).catch((error) => {
        throw new Error(`${error.message}; last seen: ${JSON.stringify(last)}`);
      });
      return last as View;
    },
    publish: (topic, data, attributes = {}) =>
      parts.messages.publish(topic, { data: typeof data === 'string' ? data : JSON.stringify(data), attributes }),
    async stored(id) {
      const known = await readTask({ documents: parts.documents, clock: systemClock() }, id);
      if (known === undefined) throw new Error(`There is no task ${id}.`);
      return known;
    },
    async quarantined() {
      const pages = await Promise.all(
        Array.from({ length: 16 }, (_, shard) =>
          parts.documents.query('quarantine', {
            equal: { shard },
            orderBy: { field: 'createdAt', direction: 'desc' },
            limit: 100,
          }),
        ),
      );
      return pages.flatMap(({ documents }) => documents);
    },
  };
  return stack;
}
