/** `GET /system-state`: tasks, agents, backups and runs at one look, and what is held up. */

import * as z from 'zod';
import type { Caller } from '../core/authenticate.ts';
import type { BackupRecord } from '../core/backup-records.ts';
import { backupView } from '../core/backup-view.ts';
import { checked, invalidFields, paging } from '../core/http.ts';
import { taskPage } from '../core/list-tasks.ts';
import { pageOf } from '../core/page.ts';
import { BACKUPS } from '../core/projects.ts';
import type { Runtime } from '../core/runtime.ts';
import { type JsonObject, STATUSES, type Task } from '../core/task.ts';
import { taskView } from '../core/task-view.ts';
import { getSwitches } from './pauses.ts';
import { listAgents } from './read-agents.ts';

const LISTS = ['tasks', 'agents', 'backups', 'runs'] as const;
type List = (typeof LISTS)[number];

/** The query of `GET /system-state`. */
export const systemStateQuery = z.strictObject({
  ...paging,
  /** One list alone; `cursor` goes with it. */
  only: z.enum(LISTS).optional(),
  /** Of `tasks`. */
  status: z.enum(STATUSES).optional(),
  /** Of `tasks` and `runs`. */
  agent: z.string().max(63).optional(),
  /** Of `backups`: a project's id. */
  project: z.string().max(100).optional(),
});

type Wanted = z.output<typeof systemStateQuery>;
interface Page {
  readonly items: readonly unknown[];
  readonly nextCursor?: string;
}

/**
 * `{tasks, agents, backups, runs, next, counts, stopped?, paused, off}`: of each list at most `limit` (default 50, 0 for none), newest
 * first. Where there is more, `next` has the list's name and the cursor for `?only=<list>&cursor=`; what is there whole is counted in
 * `counts`. `runs` are the tasks that run now: `{taskId, agent, traceId, attempt, epoch, since, parked?}`. Throws `Problem` 422.
 */
export async function systemState(runtime: Runtime, caller: Caller, query: unknown): Promise<JsonObject> {
  const wanted = checked(systemStateQuery, query);
  const { only, cursor } = wanted;
  if (cursor !== undefined && only === undefined)
    throw invalidFields([{ field: 'only', code: 'missing', message: `is missing: a cursor goes with one of ${LISTS.join(', ')}` }]);
  const lists = only === undefined ? LISTS : [only];
  const [switches, ...pages] = await Promise.all([
    getSwitches(runtime, caller),
    ...lists.map((list) => PAGES[list](runtime, caller, wanted)),
  ]);
  const named = lists.map((list, index) => [list, pages[index] as Page] as const);
  const more = named.filter(([, { nextCursor }]) => nextCursor !== undefined);
  const whole = named.filter(([, { nextCursor }]) => nextCursor === undefined && cursor === undefined && wanted.limit > 0);
  return {
    ...Object.fromEntries(named.map(([list, { items }]) => [list, items])),
    next: Object.fromEntries(more.map(([list, { nextCursor }]) => [list, nextCursor])),
    counts: Object.fromEntries(whole.map(([list, { items }]) => [list, items.length])),
    ...switches,
  };
}

const PAGES: Readonly<Record<List, (runtime: Runtime, caller: Caller, wanted: Wanted) => Promise<Page>>> = {
  async tasks(runtime, { tenant }, { status, agent, limit, cursor }) {
    const { tasks, nextCursor } = await taskPage(runtime, defined({ tenant, status, agent }), { limit, cursor });
    return { items: tasks.map(({ id, task }) => taskView(id, task)), nextCursor };
  },

  async runs(runtime, { tenant }, { agent, limit, cursor }) {
    const { tasks, nextCursor } = await taskPage(runtime, defined({ tenant, status: 'running', agent }), { limit, cursor });
    return { items: tasks.map(({ id, task }) => runView(id, task)), nextCursor };
  },

  async agents(runtime, caller, { limit, cursor }) {
    const { agents, nextCursor } = await listAgents(runtime, caller, cursor === undefined ? { limit } : { limit, cursor });
    return { items: agents as unknown[], nextCursor: nextCursor as string | undefined };
  },

  async backups(runtime, { tenant }, { project: projectId, limit, cursor }) {
    const { documents, nextCursor } = await pageOf(runtime, BACKUPS, defined({ tenant, projectId }), { limit, cursor });
    return { items: documents.map(({ id, data }) => backupView(id, data as unknown as BackupRecord)), nextCursor };
  },
};

function runView(taskId: string, { agent, traceId, attempts, epoch, parked, timeline, updatedAt }: Task): JsonObject {
  const started = timeline.findLast(({ event }) => event === 'running')?.at ?? updatedAt;
  return {
    taskId,
    agent,
    traceId,
    attempt: attempts,
    epoch,
    since: new Date(started).toISOString(),
    ...(parked ? { parked } : {}),
  };
}

function defined(fields: Readonly<Record<string, string | undefined>>): Record<string, string> {
  return Object.fromEntries(Object.entries(fields).filter((entry): entry is [string, string] => entry[1] !== undefined));
}
