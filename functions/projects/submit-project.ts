/** `POST /submit-project`: a project gets a record, and a backup. */

import * as z from 'zod';
import type { Caller } from '../core/authenticate.ts';
import { askOrLeave, newBackup, type ProjectRecord } from '../core/backup-records.ts';
import { newBackupId } from '../core/backups/manifest.ts';
import { Problem } from '../core/errors.ts';
import { checked } from '../core/http.ts';
import { type Fields, PreconditionFailed, type Write } from '../core/ports.ts';
import { PROJECTS, projectIdOf } from '../core/projects.ts';
import type { Runtime } from '../core/runtime.ts';
import { answerOfBackup, type Reply, type WhenGone } from './await-backup.ts';

export const submitProjectBody = z.strictObject({
  /** A folder inside the project roots, or `gs://bucket/prefix`. */
  project_path: z.string().min(1).max(4_096),
  description: z.string().max(1_000).default('Initial project submission'),
});

const MAX_TRIES = 5;

/**
 * Answers 200 `{status: "success", backup_id, project_id}` once the backup is verified, or 202 with `running` when it takes longer. A
 * project that is there already keeps its record, and gets another backup. Throws `Problem` 422, and what `trees.resolve` and the
 * backup throw.
 */
export async function submitProject(runtime: Runtime, caller: Caller, given: unknown, whenGone: WhenGone): Promise<Reply> {
  const { project_path, description } = checked(submitProjectBody, given);
  const projectPath = await runtime.trees.resolve(project_path);
  const { tenant, name: by } = caller;
  const projectId = projectIdOf(tenant, projectPath);
  const backupId = newBackupId(runtime);
  const record = { tenant, projectId, projectPath, description, by, kind: 'requested' } as const;
  const backup = newBackup(runtime, backupId, record);
  for (let tries = 0; tries < MAX_TRIES; tries++) {
    try {
      await runtime.documents.commit([await projectWrite(runtime, projectId, record), backup]);
      await askOrLeave(runtime, { kind: 'backup', backupId });
      return await answerOfBackup(runtime, { projectId, backupId }, whenGone);
    } catch (error) {
      if (!(error instanceof PreconditionFailed)) throw error;
    }
  }
  throw new Problem(503, 'contention', 'The project is being submitted by others; try again.', { retryAfterSeconds: 1 });
}

async function projectWrite(
  { documents, clock, ids }: Runtime,
  projectId: string,
  { tenant, projectPath, description, by }: Pick<ProjectRecord, 'tenant' | 'projectPath' | 'description' | 'by'>,
): Promise<Write> {
  const now = clock.now();
  const event = { id: ids.random(12), event: 'project_submitted', by, detail: { projectPath, description } };
  const before = await documents.get(PROJECTS, projectId);
  if (before === undefined) {
    const data: ProjectRecord = { tenant, projectPath, description, by, createdAt: now, updatedAt: now, unrecorded: [event] };
    return { kind: 'create', collection: PROJECTS, id: projectId, data: data as unknown as Fields };
  }
  const { unrecorded = [] } = before.data as unknown as ProjectRecord;
  const set = { updatedAt: now, unrecorded: [...unrecorded, event] };
  return { kind: 'update', collection: PROJECTS, id: projectId, version: before.version, set };
}
