/**
 * `GET /task/{id}/events`: each state change until the end, as server-sent events.
 *
 * Source: WHATWG HTML, "Server-sent events".
 */

import type { Request, Response } from 'router';
import type { Caller } from '../core/authenticate.ts';
import type { Runtime } from '../core/runtime.ts';
import { TASKS } from '../core/store.ts';
import { isEnded, type Task } from '../core/task.ts';
import { fromDocument } from '../core/task-document.ts';
import { taskView } from '../core/task-view.ts';
import { ownTask } from './task-view.ts';

const HEARTBEAT_MS = 15_000;

/**
 * Sends one event per timeline entry: its name as `event`, the entry as JSON `data`, its hash as `id`, and at the end `end`
 * with the task view. With `Last-Event-ID` it goes on behind that entry.
 */
export async function streamEvents(
  runtime: Runtime,
  caller: Caller,
  name: string,
  request: Request,
  response: Response,
): Promise<void> {
  const { id } = await ownTask(runtime, caller, name);
  response.writeHead(200, {
    'content-type': 'text/event-stream; charset=utf-8',
    'cache-control': 'no-store',
    'x-accel-buffering': 'no',
  });
  response.flushHeaders();
  let lastHash = request.headers['last-event-id'];
  let cancelHeartbeat = runtime.clock.after(HEARTBEAT_MS, heartbeat);
  const unwatch = runtime.documents.watch(
    TASKS,
    id,
    (document) => (document === undefined ? finish() : send(fromDocument(document.data))),
    () => finish(),
  );
  response.on('close', () => finish());

  function send(task: Task): void {
    // Two changes may have been told by the time the first one ended the answer; a write after the end would end the process.
    if (response.writableEnded) return;
    const seen = task.timeline.findIndex(({ hash }) => hash === lastHash);
    const { timeline } = taskView(id, task) as { timeline: Record<string, unknown>[] };
    for (const entry of timeline.slice(seen + 1)) {
      lastHash = String(entry.hash);
      response.write(`id: ${lastHash}\nevent: ${String(entry.event)}\ndata: ${JSON.stringify(entry)}\n\n`);
    }
    if (!isEnded(task.status)) return;
    response.write(`event: end\ndata: ${JSON.stringify(taskView(id, task))}\n\n`);
    finish();
  }

  function heartbeat(): void {
    response.write(': still here\n\n');
    cancelHeartbeat = runtime.clock.after(HEARTBEAT_MS, heartbeat);
  }

  function finish(): void {
    cancelHeartbeat();
    // The first change may be told before `watch` has returned.
    queueMicrotask(() => unwatch());
    if (!response.writableEnded) response.end();
  }
}
