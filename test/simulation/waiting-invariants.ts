/** What must hold of tasks that wait for others: at every change of one, and when all has ended. */

import { isEnded, type Task } from '../../functions/core/task.ts';
import { fromDocument } from '../../functions/core/task-document.ts';
import type { StoreChange } from './store.ts';
import type { World } from './world.ts';

/** How long a dependent may wait for what it waited for, once nothing goes wrong: less than until the sweeper looks by itself. */
const PROMPT_MS = 150_000;
/** What began before the faults ended may still be on its way. */
const SETTLED_MS = 100_000;

/** Checks every change of a dependent; tells the oracle of the first that breaks a rule. */
export function watchWaiting({ documents, oracle }: World): void {
  const released = new Set<string>();

  documents.onCommit((changes) => {
    for (const change of changes) if (change.collection === 'tasks') check(change);
  });

  function check({ id, before, after }: StoreChange): void {
    const was = before && fromDocument(before);
    const now = after && fromDocument(after);
    if (now?.dependencies === undefined || now.status === was?.status) return;
    const them = now.dependencies.map((one) => ({ id: one, task: taskOf(one) }));
    if (now.status === 'queued' || now.status === 'running' || now.status === 'succeeded') {
      const missing = them.find(({ task }) => task?.status !== 'succeeded');
      if (missing !== undefined)
        oracle.violated('nothing runs before its dependencies', `${id}: ${missing.id} is ${missing.task?.status}`);
    }
    if (was?.status === 'waiting' && now.status === 'queued') {
      if (released.has(id)) oracle.violated('a dependent is released once', id);
      released.add(id);
    }
    // Set back by a pause, or redriven.
    if (was !== undefined && now.status === 'waiting') released.delete(id);
    if (now.status !== 'waiting' && now.waitingFor !== undefined)
      oracle.violated('who goes on waits for nobody', `${id} is ${now.status}, and waits for ${now.waitingFor}`);
    // As it was created, what was dead may have been redriven already.
    const isSpoilt = them.some(({ task }) => task === undefined || isFailed(task) || (was === undefined && task.redrives > 0));
    if (now.error?.code === 'dependency_failed' && !isSpoilt)
      oracle.violated('who is cancelled for a dependency has one that failed', id);
  }

  function taskOf(id: string): Task | undefined {
    const data = documents.all('tasks').get(id)?.data;
    return data && fromDocument(data);
  }
}

const isFailed = ({ status }: Task): boolean => isEnded(status) && status !== 'succeeded';

/** Nobody waits any more, and who waited went on, or ended, as soon as what it waited for had. */
export function checkWaited(world: World, tasks: ReadonlyMap<string, Task>): void {
  const { oracle, documents } = world;
  for (const { data } of documents.all('dependents').values())
    oracle.violated('a dependent is told of an end', `${data.dependent} was not told of ${data.dependency}`);
  for (const [id, task] of tasks) {
    const them = dependenciesOf(task, tasks);
    // In a life before it may have ended at another time.
    if (them.length === 0 || them.some(({ redrives }) => redrives > 0) || hadGates(task)) continue;
    const due = dueOf(task, tasks);
    const wentOn = task.timeline.find(({ event }) => event !== 'waiting')?.at ?? due;
    const isCalm = world.isSteady || due > world.faultsEnd + SETTLED_MS;
    if (isCalm && wentOn - due > PROMPT_MS)
      oracle.violated('a dependent goes on at once', `${id} waited ${wentOn - due} ms for nothing`);
  }
}

/** From when on nothing kept a task waiting: what it waited for had succeeded, or the first of them had failed. */
export function dueOf(task: Task, tasks: ReadonlyMap<string, Task>): number {
  const them = dependenciesOf(task, tasks);
  const failed = them.filter(isFailed).map(endOf);
  return Math.max(task.createdAt, ...(failed.length > 0 ? [Math.min(...failed)] : [task.notBefore ?? 0, ...them.map(endOf)]));
}

/** Whether it may have waited for something else than for tasks and its time. */
export const hadGates = ({ timeline }: Task): boolean => timeline.some((entry) => entry.for !== undefined);

const dependenciesOf = ({ dependencies = [] }: Task, tasks: ReadonlyMap<string, Task>): Task[] =>
  dependencies.map((id) => tasks.get(id) as Task);

const endOf = ({ finishedAt = 0 }: Task): number => finishedAt;
