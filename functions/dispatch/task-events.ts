import type { Request, Response } from 'router';
import type { Caller } from '../core/authenticate.ts';
import type { Runtime } from '../core/runtime.ts';
import { entryView, taskView } from '../core/task-view.ts';
import { streamTask } from './event-stream.ts';
import { ownTask } from './task-view.ts';

/**
 * `GET /task/{id}/events`: one event per timeline entry, with the entry as data, and at the end `end` with the task view. Throws
 * `Problem` 404.
 */
export async function streamEvents(
  runtime: Runtime,
  caller: Caller,
  name: string,
  request: Request,
  response: Response,
): Promise<void> {
  const { id } = await ownTask(runtime, caller, name);
  streamTask(runtime, id, { entry: entryView, end: (task) => ['end', taskView(id, task)] }, request, response);
}
