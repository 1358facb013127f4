/** A load as it is stored: found by its name, which is the trace id of all its tasks. */

import type { Documents, Stored } from '../../functions/core/ports.ts';
import { SHARDS, TASKS } from '../../functions/core/store.ts';
import type { Known, Task } from '../../functions/core/task.ts';
import { fromDocument } from '../../functions/core/task-document.ts';
import { until } from '../support/folder.ts';

const PAGE = 500;
const POLL_MS = 100;

/** Every task of it. */
export async function storedTasks(documents: Documents, name: string): Promise<Known<Task>[]> {
  const all: Known<Task>[] = [];
  for (let shard = 0; shard < SHARDS; shard++) {
    for await (const { id, version, data } of found(documents, { traceId: name, shard }))
      all.push({ id, version, task: fromDocument(data) });
  }
  return all;
}

/** Waits until all `count` tasks have ended and everything that follows is done. */
export async function allEnded(documents: () => Documents, name: string, count: number, withinMs: number): Promise<void> {
  const end = Date.now() + withinMs;
  const left = (): number => Math.max(1, end - Date.now());
  for (const status of ['queued', 'running']) {
    await until(async () => !(await anyIs(documents(), name, status)), left(), POLL_MS).catch(() => {});
  }
  // What was running at the first look may be queued at the second.
  let all: Known<Task>[] = [];
  const done = async (): Promise<boolean> => {
    all = await storedTasks(documents(), name);
    return all.length >= count && all.every(isDone);
  };
  await until(done, left(), POLL_MS).catch(() => {
    const open = all.filter((known) => !isDone(known));
    const shown = open.slice(0, 3).map(({ id, task }) => JSON.stringify({ id, ...task }));
    throw new Error(`${name}: of ${all.length} tasks ${open.length} are open after ${withinMs} ms\n${shown.join('\n')}`);
  });
}

const isDone = ({ task }: Known<Task>): boolean =>
  task.finishedAt !== undefined && task.pending === undefined && (task.callbackUrl === undefined || task.callback !== undefined);

async function anyIs(documents: Documents, traceId: string, status: string): Promise<boolean> {
  for (let shard = 0; shard < SHARDS; shard++) {
    for await (const _ of found(documents, { traceId, shard, status })) return true;
  }
  return false;
}

async function* found(documents: Documents, equal: Readonly<Record<string, string | number>>): AsyncGenerator<Stored> {
  for (let after: { value: number; id: string } | undefined; ; ) {
    const orderBy = { field: 'createdAt', direction: 'desc' } as const;
    const page = await documents.query(TASKS, { equal: { tenant: 'default', ...equal }, orderBy, after, limit: PAGE });
    yield* page.documents;
    const last = page.documents.at(-1);
    if (last === undefined || page.documents.length < PAGE) return;
    after = { value: last.data.createdAt as number, id: last.id };
  }
}
