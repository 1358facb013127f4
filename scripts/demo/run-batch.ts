/** Sends the batch, follows it to its end, and collects what the server shows of it. */

import { setTimeout as sleep } from 'node:timers/promises';
import { keyedId } from '../../functions/core/create.ts';
import type { Messages } from '../../functions/core/ports.ts';
import { type Kind, tasksOf } from './batch.ts';
import { type CallbackListener, toldOf } from './callback-listener.ts';
import type { Answer, Client, JsonObject, TaskView } from './client.ts';
import type { Seen } from './outcomes.ts';
import { type Progress, progressLine } from './progress.ts';

export interface BatchRun {
  readonly client: Client;
  readonly traceId: string;
  readonly kinds: readonly Kind[];
  readonly publish: Messages['publish'] | undefined;
  readonly listener: CallbackListener | undefined;
  readonly progress: Progress;
}

export interface BatchSeen {
  readonly seen: ReadonlyMap<Kind, Seen>;
  /** Every task that the server has of this trace: none lost, none doubled. */
  readonly traced: readonly TaskView[];
}

/** Far beyond what the slowest default times need; what has not ended by then is shown as it is. */
const LIMIT_MS = 60_000;
const POLL_MS = 150;
const ENDED = new Set(['succeeded', 'failed', 'expired', 'cancelled', 'dead']);

export async function runBatch(run: BatchRun): Promise<BatchSeen> {
  const until = performance.now() + LIMIT_MS;
  const sending = sendAll(run);
  let sent = false;
  sending.then(
    () => {
      sent = true;
    },
    () => {
      sent = true;
    },
  );
  while (!((await show(run)) && sent) && performance.now() < until) await sleep(POLL_MS);
  const answers = await sending;
  await untilTold(run, until);
  run.progress.end();

  const seen = new Map<Kind, Seen>();
  for (const [kind, given] of answers) {
    const tasks = await Promise.all(idsOf(kind, given).map((id) => run.client.task(id)));
    seen.set(kind, { answers: given, tasks, callbacks: toldOf(tasks, run.listener?.received ?? []) });
  }
  return { seen, traced: await run.client.trace(run.traceId) };
}

/** All kinds at once, but for those that follow another. */
async function sendAll(run: BatchRun): Promise<Map<Kind, readonly Answer[]>> {
  const started = performance.now();
  const sent = new Map<string, Promise<readonly Answer[]>>();
  for (const kind of run.kinds) {
    const followed = kind.follows === undefined ? undefined : sent.get(kind.follows);
    sent.set(kind.name, sendKind(kind, followed));
  }
  const answers = await Promise.all(sent.values());
  return new Map(run.kinds.map((kind, index) => [kind, answers[index] ?? []]));

  async function sendKind(kind: Kind, followed: Promise<unknown> | undefined): Promise<readonly Answer[]> {
    await followed;
    const { ttlSecondsAtLeast: least } = kind;
    const ttl = least === undefined ? {} : { ttlSeconds: Math.max(least, (performance.now() - started) / 1000) };
    return Promise.all(kind.packets.map((packet) => send(run, kind, { ...packet, ...ttl })));
  }
}

async function send(run: BatchRun, kind: Kind, packet: JsonObject): Promise<Answer> {
  const { client, traceId } = run;
  if (kind.how === 'topic') return published(run, packet);
  const answer = await client.post('/dispatch', { ...packet, traceId });
  if (kind.how !== 'cancel' || answer.status !== 202) return answer;
  return client.post(`/task/${String(answer.body.id)}/cancel`, {});
}

/** Nobody answers a publisher; the id of what becomes of the message follows from its key. */
async function published({ publish, traceId }: BatchRun, packet: JsonObject): Promise<Answer> {
  const { agent, payload, idempotencyKey } = packet as { agent: string; payload: JsonObject; idempotencyKey: string };
  await publish?.('tasks', { data: JSON.stringify({ payload }), attributes: { agent, traceId, idempotencyKey } });
  return { status: 202, replayed: false, body: { id: keyedId('default', agent, idempotencyKey) } };
}

const idsOf = (kind: Kind, answers: readonly Answer[]): string[] =>
  'refused' in kind.want ? [] : [...new Set(answers.flatMap(({ status, body }) => (status < 300 ? [String(body.id)] : [])))];

/** Shows how far it is; true when all tasks have ended. */
async function show({ client, traceId, kinds, progress }: BatchRun): Promise<boolean> {
  const statuses: Record<string, number> = {};
  const tasks = await client.trace(traceId);
  for (const { status } of tasks) statuses[status] = (statuses[status] ?? 0) + 1;
  const ended = tasks.filter(({ status }) => ENDED.has(status)).length;
  const expected = kinds.reduce((sum, kind) => sum + tasksOf(kind), 0);
  const pausing = tasks.some(({ status, attempts }) => status === 'queued' && attempts > 0);
  const note = pausing ? 'the second try waits (10 s by default)' : '';
  progress.show(progressLine(ended, expected, statuses, note));
  return ended >= expected;
}

async function untilTold({ kinds, listener, progress }: BatchRun, until: number): Promise<void> {
  const expected = kinds.reduce((sum, kind) => sum + ('callback' in kind.want && kind.want.callback ? tasksOf(kind) : 0), 0);
  while (listener !== undefined && listener.received.length < expected && performance.now() < until) {
    progress.show('All tasks ended · waiting for the callback');
    await sleep(POLL_MS);
  }
}
