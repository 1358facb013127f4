/** How many bytes a task takes: in messages, in its document with the index entries, and in answers. Made by the code that makes them. */

import { runMessage } from '../../functions/core/run-message.ts';
import { coreOf, type Task, type TaskCore } from '../../functions/core/task.ts';
import { toDocument } from '../../functions/core/task-document.ts';
import { taskView } from '../../functions/core/task-view.ts';
import type { CollectionRow, Topology } from '../../functions/topology.ts';
import type { Way } from './operations.ts';

/** Per task, in bytes. */
export interface Sizes {
  /** What Pub/Sub bills of one message, by topic. */
  readonly messages: Readonly<Record<string, number>>;
  /** The ended task in Firestore: the document, and its entries in all indexes. */
  readonly document: number;
  readonly indexes: number;
  /** The task view as JSON, as answers and callbacks carry it. */
  readonly accepted: number;
  readonly ended: number;
  readonly told: number;
}

const ID = 'f'.repeat(40);
const HASH = 'h'.repeat(43);
const AT = 1_790_000_000_000;
const RETENTION_MS = 30 * 86_400_000;
/** Of the claim check. */
const reference = (bytes: number) => ({
  bucket: 'payloads',
  name: `default/${ID}/payload-${'f'.repeat(64)}.json`,
  sha256: 'f'.repeat(64),
  bytes,
});

/** A typical task of a way when it has ended, without payload and result. Exported for the test that compares it with a real one. */
export function sampleTask(way: Way): Task {
  const { agent, mode, callback, budget, largePayload, largeResult } = way;
  const events = ['queued', 'running', 'succeeded', ...(callback ? ['callback_delivered'] : [])];
  return {
    tenant: 'default',
    agent,
    mode,
    status: 'succeeded',
    traceId: 'f'.repeat(32),
    ttl: AT / 1000 + 900.123,
    budgetMicros: 250_000,
    budgetFromEpoch: 0,
    charges: [{ epoch: 1, quoteMicros: 50_000, costMicros: 50_000 }],
    attempts: 1,
    maxAttempts: 5,
    epoch: 1,
    idempotencyKey: 'k'.repeat(36),
    fingerprint: HASH,
    requestId: 'f'.repeat(24),
    claimId: 'f'.repeat(24),
    priority: 0,
    shard: 10,
    redrives: 0,
    createdAt: AT,
    updatedAt: AT,
    finishedAt: AT,
    closedEpoch: 1,
    expireAt: AT + RETENTION_MS,
    chain: { head: HASH, count: events.length },
    ...(callback ? { callbackUrl: `https://${'c'.repeat(52)}/hook`, callback: 'delivered' } : {}),
    ...(budget ? { holds: [{ kind: 'tenant', id: ID, micros: 250_000, booked: { spentMicros: 50_000, coveredMicros: 0 } }] } : {}),
    ...(largePayload ? { payloadRef: reference(1e6) } : { payload: {} }),
    ...(largeResult ? { resultRef: reference(1e6) } : { result: {} }),
    timeline: events.map((event, index) => ({ at: AT, event, epoch: 1, by: index === 0 ? 'default' : undefined, hash: HASH })),
  };
}

/** `payloadBytes` and `resultBytes` are of JSON text. A message that is charged has the time and id that Pub/Sub adds. */
export function sizesOf(way: Way, payloadBytes: number, resultBytes: number, topology: Pick<Topology, 'collections'>): Sizes {
  const task = sampleTask(way);
  // The sample has `{}` where a payload or result travels.
  const payload = way.largePayload ? 0 : payloadBytes - 2;
  const result = way.largeResult ? 0 : resultBytes - 2;
  const known = { id: ID, version: `${AT / 1000}.123456000`, task: coreAt('queued', task) };
  const attributes =
    'agent'.length + way.agent.length + 'traceId'.length + task.traceId.length + TRACED_BYTES + 'signature'.length + HASH.length;
  const keyed = 'idempotencyKey'.length + (task.idempotencyKey?.length ?? 0);
  const outcome = { status: 'succeeded', ...(task.resultRef ? { resultRef: task.resultRef } : { result: {} }), endedAt: AT };
  const report = {
    taskId: ID,
    epoch: 1,
    outcomeToken: `${way.agent}.${HASH}`,
    outcome,
    version: known.version,
    core: coreAt('running', task),
  };
  const view = json(taskView(ID, task));
  const document = { ...toDocument(task as unknown as Record<string, unknown>) };
  const row = topology.collections.tasks as CollectionRow;
  const shownResult = way.largeResult ? resultBytes : result;
  return {
    messages: {
      tasks: json(runMessage(known, task)) + attributes + keyed + payload + ADDED_BYTES,
      results: json(report) + attributes + result + ADDED_BYTES,
      callbacks: json({ taskId: ID, redrives: 0 }) + attributes + ADDED_BYTES,
    },
    document: documentBytes('tasks', ID, document) + payload + result,
    indexes: indexBytes('tasks', ID, document, row),
    accepted: view + payload,
    ended: view + payload + shownResult,
    told: view + payload + result,
  };
}

/** What travels of a task that is queued, or runs: without what comes later. */
function coreAt(status: 'queued' | 'running', task: Task): TaskCore {
  const isQueued = status === 'queued';
  const later = ['finishedAt', 'closedEpoch', 'expireAt', 'callback', 'holds', ...(isQueued ? ['claimId'] : [])];
  const core = Object.fromEntries(Object.entries(coreOf(task)).filter(([field]) => !later.includes(field)));
  const holds = task.holds?.map(({ kind, id, micros }) => ({ kind, id, micros }));
  const own = isQueued
    ? { charges: [], attempts: 0, epoch: 0 }
    : { charges: [{ epoch: 1, quoteMicros: 50_000 }], leasedAt: AT, leaseMs: 60_000 };
  return { ...core, ...own, ...(holds ? { holds } : {}), status, wakeAt: AT } as unknown as TaskCore;
}

const json = (value: unknown): number => Buffer.byteLength(JSON.stringify(value));

/** The attribute `traceparent`. Source: W3C Trace Context. */
const TRACED_BYTES = 'traceparent'.length + 55;
/** Twenty bytes for the time, and a message id of up to 19 digits. Source: Pub/Sub pricing. */
const ADDED_BYTES = 20 + 19;

type Fields = Readonly<Record<string, unknown>>;

/** A document as `adapters/firestore-values.ts` stores it. Source: Firestore, "Storage size calculations". */
export function documentBytes(collection: string, id: string, fields: Fields): number {
  const sizes = Object.entries(fields).map(([name, value]) => (value === undefined ? 0 : text(name) + valueBytes(value)));
  return nameBytes(collection, id) + sizes.reduce((sum, size) => sum + size, 0) + 32;
}

/** Its entries in the automatic indexes (one each way for every field that is not exempt) and in the composite ones. */
export function indexBytes(collection: string, id: string, fields: Fields, { unindexed, indexes }: CollectionRow): number {
  const has = (field: string): boolean => fields[field] !== undefined;
  const single = Object.keys(fields).filter((field) => has(field) && !unindexed.includes(field));
  const singleBytes = single.map((field) => 2 * (nameBytes(collection, id) + text(field) + valueBytes(fields[field]) + 48));
  const composite = indexes.filter((index) => index.every(({ field }) => has(field)));
  const compositeBytes = composite.map(
    (index) => nameBytes(collection, id) + index.reduce((sum, { field }) => sum + valueBytes(fields[field]), 0) + 48,
  );
  return [...singleBytes, ...compositeBytes].reduce((sum, size) => sum + size, 0);
}

const text = (value: string): number => Buffer.byteLength(value) + 1;
const nameBytes = (collection: string, id: string): number => text(collection) + text(id) + 16;

function valueBytes(value: unknown): number {
  if (typeof value === 'string') return text(value);
  if (typeof value === 'number') return 8;
  if (typeof value === 'boolean' || value === null) return 1;
  // Elements carry a tag that tells them apart, of 8 characters and a number.
  if (Array.isArray(value)) return value.reduce((sum: number, element) => sum + 12 + text(JSON.stringify(element)), 0);
  return text('json') + text(JSON.stringify(value));
}
