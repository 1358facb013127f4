/** `GET /projects`, `GET /projects/{id}` and `PUT /projects/{id}/retention`. */

import * as z from 'zod';
import type { Caller } from '../core/authenticate.ts';
import { askOrLeave, type BackupRecord, type ProjectRecord, type RollbackRecord, retentionOf } from '../core/backup-records.ts';
import { backupView, rollbackView } from '../core/backup-view.ts';
import { checked, paging } from '../core/http.ts';
import { newest, pageOf } from '../core/page.ts';
import { PreconditionFailed, type Stored } from '../core/ports.ts';
import { BACKUPS, ownProject, PROJECTS, type Project, ROLLBACKS } from '../core/projects.ts';
import type { Runtime } from '../core/runtime.ts';
import type { JsonObject } from '../core/task.ts';

export const projectsQuery = z.strictObject(paging);

export const retentionBody = z.strictObject({
  last: z.int().min(1).max(10_000),
  daily: z.int().min(0).max(10_000).default(0),
  weekly: z.int().min(0).max(10_000).default(0),
});

/** The tenant's projects, the newest first: `{projects, nextCursor?}`. */
export async function listProjects(runtime: Runtime, { tenant }: Caller, query: unknown): Promise<JsonObject> {
  const { documents, ...rest } = await pageOf(runtime, PROJECTS, { tenant }, checked(projectsQuery, query));
  return { projects: documents.map(({ id, data }) => projectView(runtime, id, data as unknown as Project)), ...rest };
}

/** A project with its newest backup and its newest rollback. Throws `Problem` 404. */
export async function getProject(runtime: Runtime, { tenant }: Caller, projectId: string): Promise<JsonObject> {
  const { id, project } = await ownProject(runtime, tenant, projectId);
  const [backup, rollback] = await Promise.all([
    newest(runtime, BACKUPS, { tenant, projectId }),
    newest(runtime, ROLLBACKS, { tenant, projectId }),
  ]);
  return {
    ...projectView(runtime, id, project),
    ...shown('latest_backup', backup, (one) => backupView(one.id, one.data as unknown as BackupRecord)),
    ...shown('latest_rollback', rollback, (one) => rollbackView(one.id, one.data as unknown as RollbackRecord)),
  };
}

/** Which backups are kept from now on; those that are not are given up soon. Gives the project's view. Throws `Problem` 404, 422. */
export async function putRetention(runtime: Runtime, caller: Caller, projectId: string, given: unknown): Promise<JsonObject> {
  const retention = checked(retentionBody, given);
  const { documents, ids, clock } = runtime;
  for (;;) {
    const { id, version, data } = await ownProject(runtime, caller.tenant, projectId);
    const { unrecorded = [] } = data as unknown as ProjectRecord;
    const event = { id: ids.random(12), event: 'retention_changed', by: caller.name, detail: { ...retention } };
    const set = { retention, updatedAt: clock.now(), unrecorded: [...unrecorded, event] };
    try {
      await documents.commit([{ kind: 'update', collection: PROJECTS, id, version, set }]);
      await askOrLeave(runtime, { kind: 'project', projectId });
      return getProject(runtime, caller, projectId);
    } catch (error) {
      if (!(error instanceof PreconditionFailed)) throw error;
    }
  }
}

function projectView(runtime: Runtime, projectId: string, project: Project): JsonObject {
  const { projectPath, description, createdAt, updatedAt, by } = project;
  return {
    project_id: projectId,
    project_path: projectPath,
    description,
    by,
    created_at: new Date(createdAt).toISOString(),
    updated_at: new Date(updatedAt).toISOString(),
    retention: retentionOf(runtime, project),
  };
}

const shown = (name: string, stored: Stored | undefined, view: (stored: Stored) => JsonObject): JsonObject =>
  stored === undefined ? {} : { [name]: view(stored) };
