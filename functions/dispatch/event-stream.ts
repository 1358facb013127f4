/**
 * What happens to a task until its end, as server-sent events.
 *
 * Source: WHATWG HTML, "Server-sent events".
 */

import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Runtime } from '../core/runtime.ts';
import { TASKS } from '../core/store.ts';
import { isEnded, type JsonObject, type Task, type TimelineEntry } from '../core/task.ts';
import { fromDocument } from '../core/task-document.ts';

const HEARTBEAT_MS = 15_000;

/** An event: its name, and its data as JSON. */
export type Event = readonly [name: string, data: JsonObject];

/** What a stream tells. */
export interface Told {
  /** Before everything else, at each connection. */
  readonly first?: Event;
  /** Of an entry of the timeline, under the entry's own name. */
  entry(entry: TimelineEntry): JsonObject;
  /** Once, when the task has ended. */
  end(task: Task): Event | Promise<Event>;
}

/**
 * Answers with one event per timeline entry, its hash as `id`, and one at the end. With `Last-Event-ID` it goes on behind that entry.
 * A reader who is slow is told what there is when he has read: no more than one document's entries wait for him.
 */
export function streamTask(
  { documents, clock, log }: Pick<Runtime, 'documents' | 'clock' | 'log'>,
  id: string,
  told: Told,
  request: IncomingMessage,
  response: ServerResponse,
  headers: Readonly<Record<string, string>> = {},
): void {
  // Who hung up while he was let in would never be noticed again.
  if (response.destroyed || response.closed) return;
  response.writeHead(200, {
    'content-type': 'text/event-stream; charset=utf-8',
    'cache-control': 'no-store',
    'x-accel-buffering': 'no',
    ...headers,
  });
  response.flushHeaders();
  let latest: Task | undefined;
  let lastHash = request.headers['last-event-id'];
  let state: 'open' | 'ending' | 'ended' = 'open';
  if (told.first !== undefined) write(told.first);
  let cancelHeartbeat = clock.after(HEARTBEAT_MS, heartbeat);
  const unwatch = documents.watch(
    TASKS,
    id,
    (document) => {
      if (document === undefined) return finish();
      latest = fromDocument(document.data);
      tell();
    },
    () => finish(),
  );
  response.on('drain', tell);
  response.on('close', finish);

  function tell(): void {
    if (latest === undefined || state !== 'open') return;
    const { timeline } = latest;
    const seen = timeline.findIndex(({ hash }) => hash === lastHash);
    for (const entry of timeline.slice(seen + 1)) {
      if (response.writableNeedDrain) return;
      lastHash = entry.hash;
      write([entry.event, told.entry(entry)], entry.hash);
    }
    if (!isEnded(latest.status)) return;
    state = 'ending';
    end(latest).catch((error: unknown) => {
      // Whoever connects again is told.
      log.warn({ err: error, taskId: id }, 'The end of a task could not be told.');
      response.destroy();
    });
  }

  async function end(task: Task): Promise<void> {
    const event = await told.end(task);
    // A write after the end would end the process.
    if (state === 'ending') write(event);
    finish();
  }

  function write([name, data]: Event, hash?: string): void {
    response.write(`${hash === undefined ? '' : `id: ${hash}\n`}event: ${name}\ndata: ${JSON.stringify(data)}\n\n`);
  }

  function heartbeat(): void {
    if (!response.writableNeedDrain) response.write(': still here\n\n');
    cancelHeartbeat = clock.after(HEARTBEAT_MS, heartbeat);
  }

  function finish(): void {
    if (state === 'ended') return;
    state = 'ended';
    cancelHeartbeat();
    // The first change may be told before `watch` has returned.
    queueMicrotask(() => unwatch());
    response.end();
  }
}
