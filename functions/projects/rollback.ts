/** `POST /rollback/{backup_id|latest}` and `GET /rollbacks/{id}`. */

import * as z from 'zod';
import type { Caller } from '../core/authenticate.ts';
import { askOrLeave, type BackupRecord, newRollback, type RollbackRecord } from '../core/backup-records.ts';
import { rollbackView } from '../core/backup-view.ts';
import { isBackupId } from '../core/backups/manifest.ts';
import { Problem } from '../core/errors.ts';
import { checked } from '../core/http.ts';
import { pageOf } from '../core/page.ts';
import type { Stored } from '../core/ports.ts';
import { BACKUPS, ownProject, PROJECTS, projectIdOf, ROLLBACKS } from '../core/projects.ts';
import type { Runtime } from '../core/runtime.ts';
import type { JsonObject } from '../core/task.ts';
import { ended, type Reply, refuse, type WhenGone } from './await-backup.ts';

/** Which project's `latest`. */
export const rollbackQuery = z.strictObject({
  project_id: z.string().max(100).optional(),
  project_path: z.string().max(4_096).optional(),
});

const PAGE = 200;

/**
 * Rolls a project back. Answers 200 `{status: "success", message: "Rolled back to <id>", safety_backup_id, …}`, or 202 with `running`
 * and where to look when it takes longer. `latest` is the newest verified backup that somebody or a task has asked for: not what a
 * rollback took for its own sake, else the second `latest` would undo the first.
 *
 * It takes the scope `dispatch`, as submitting and backing up do: whoever may send tasks that modify a project may put back what
 * they did, and a rollback loses nothing, since it takes a backup before.
 *
 * Throws `Problem` 400 `backup_not_found`, 404 `project_not_found`, 409 `project_busy`, 422 `project_ambiguous`, and what made it fail.
 */
export async function postRollback(
  runtime: Runtime,
  caller: Caller,
  name: string,
  query: unknown,
  whenGone: WhenGone,
): Promise<Reply> {
  const { id: backupId, record } = await target(runtime, caller, name, checked(rollbackQuery, query));
  const { tenant, projectId, projectPath } = record;
  const rollbackId = runtime.ids.random(16);
  await runtime.documents.commit([newRollback(runtime, rollbackId, { tenant, projectId, projectPath, backupId, by: caller.name })]);
  await askOrLeave(runtime, { kind: 'rollback', rollbackId });
  const after = await ended<RollbackRecord>(runtime, ROLLBACKS, rollbackId, whenGone);
  refuse(after);
  const names = { rollback_id: rollbackId, backup_id: backupId, project_id: projectId };
  if (after.open) return { status: 202, body: { status: 'running', ...names, poll: `/rollbacks/${rollbackId}` } };
  const message = `Rolled back to ${backupId}`;
  return { status: 200, body: { status: 'success', message, ...names, safety_backup_id: after.safetyBackupId } };
}

/** How a rollback stands, or ended. Throws `Problem` 404. */
export async function getRollback(runtime: Runtime, { tenant }: Caller, rollbackId: string): Promise<JsonObject> {
  const stored = /^[0-9a-f]{32}$/.test(rollbackId) ? await runtime.documents.get(ROLLBACKS, rollbackId) : undefined;
  if (stored === undefined || stored.data.tenant !== tenant) {
    throw new Problem(404, 'rollback_not_found', `Rollback ${rollbackId.slice(0, 100)} not found.`);
  }
  return rollbackView(rollbackId, stored.data as unknown as RollbackRecord);
}

type Target = Pick<Stored, 'id'> & { readonly record: BackupRecord };

async function target(runtime: Runtime, caller: Caller, name: string, query: z.output<typeof rollbackQuery>): Promise<Target> {
  const projectId = await projectOf(runtime, caller, query);
  if (name === 'latest') return latest(runtime, caller, projectId ?? (await onlyProject(runtime, caller)));
  const stored = isBackupId(name) ? await runtime.documents.get(BACKUPS, name) : undefined;
  const record = stored?.data as unknown as BackupRecord | undefined;
  const isOfProject = projectId === undefined || record?.projectId === projectId;
  if (record?.tenant !== caller.tenant || !isOfProject) throw notFound(name);
  refuse(record);
  if (record.status === 'running') throw new Problem(409, 'backup_running', `Backup ${name} is still being taken.`);
  if (record.status === 'expired')
    throw new Problem(400, 'backup_not_found', `Backup ${name} not found: it was given up by the retention.`);
  return { id: name, record };
}

async function projectOf(runtime: Runtime, { tenant }: Caller, query: z.output<typeof rollbackQuery>): Promise<string | undefined> {
  const { project_id: id, project_path: path } = query;
  if (id !== undefined) return (await ownProject(runtime, tenant, id)).id;
  if (path === undefined) return undefined;
  return (await ownProject(runtime, tenant, projectIdOf(tenant, await runtime.trees.resolve(path)))).id;
}

async function onlyProject(runtime: Runtime, { tenant }: Caller): Promise<string> {
  const { documents } = await pageOf(runtime, PROJECTS, { tenant }, { limit: 2 });
  const [only, other] = documents;
  if (other !== undefined) {
    throw new Problem(422, 'project_ambiguous', 'There are several projects: name one with ?project_id= or ?project_path=.');
  }
  if (only === undefined) throw notFound('latest');
  return only.id;
}

async function latest(runtime: Runtime, { tenant }: Caller, projectId: string): Promise<Target> {
  let cursor: string | undefined;
  do {
    const equal = { tenant, projectId, status: 'verified' };
    const { documents, nextCursor } = await pageOf(runtime, BACKUPS, equal, { limit: PAGE, cursor });
    const found = documents.find(({ data }) => data.kind !== 'safety');
    if (found !== undefined) return { id: found.id, record: found.data as unknown as BackupRecord };
    cursor = nextCursor;
  } while (cursor !== undefined);
  throw notFound('latest');
}

const notFound = (name: string) => new Problem(400, 'backup_not_found', `Backup ${name.slice(0, 100)} not found.`);
