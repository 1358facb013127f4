/** The backup that a modification waits for: verified, or its agent never hears of the task. */

import { type BackupRecord, newBackup } from '../core/backup-records.ts';
import { newBackupId } from '../core/backups/manifest.ts';
import { verifyBackup } from '../core/backups/verify.ts';
import { payloadOf } from '../core/claim-check.ts';
import { Problem } from '../core/errors.ts';
import { hashedId } from '../core/hashed-id.ts';
import { PreconditionFailed, type Write } from '../core/ports.ts';
import { BACKUPS, PROJECTS, type Project, projectIdOf, TASK_BACKUPS } from '../core/projects.ts';
import type { Runtime } from '../core/runtime.ts';
import { readTask } from '../core/store.ts';
import { type Known, lifeOf, type Task } from '../core/task.ts';
import { BACKUP } from '../core/waiting/gate-names.ts';
import { gateFailed, gatePassed } from '../core/waiting/gates.ts';
import { failureOf } from './failure.ts';

/** The id of the backup that is to be taken for a task; `undefined` when it waits for none, or has what it waits for. */
export async function backupForTask(runtime: Runtime, taskId: string): Promise<string | undefined> {
  const known = await waiting(runtime, taskId);
  if (known === undefined) return undefined;
  const named = known.task.work?.backup_id;
  try {
    if (typeof named !== 'string') return await backupOf(runtime, known);
    await useNamed(runtime, known, named);
  } catch (error) {
    const failure = failureOf(error);
    if (failure === undefined) throw error;
    await gateFailed(runtime, known, { code: failure.code, message: failure.message });
  }
  return undefined;
}

/** Tells a task what became of its backup, if it is one of a task and over. */
export async function tellTask(runtime: Runtime, backupId: string): Promise<void> {
  const record = (await runtime.documents.get(BACKUPS, backupId))?.data as unknown as BackupRecord | undefined;
  if (record?.taskId === undefined || record.open) return;
  const { taskId, status, error } = record;
  const known = await waiting(runtime, taskId);
  if (known === undefined || (await ownBackup(runtime, known)) !== backupId) return;
  if (status === 'verified') await gatePassed(runtime, known, BACKUP, { set: { backupId } });
  if (status === 'failed') {
    const { code, message } = error ?? { code: 'backup_failed', message: 'No backup could be taken.' };
    await gateFailed(runtime, known, { code, message });
  }
}

async function waiting(runtime: Runtime, taskId: string): Promise<Known<Task> | undefined> {
  const known = await readTask(runtime, taskId);
  return known?.task.status === 'waiting' && known.task.waitingFor?.[0] === BACKUP ? known : undefined;
}

/** The task brings its own way back: one of its project, that holds. */
async function useNamed(runtime: Runtime, known: Known<Task>, backupId: string): Promise<void> {
  const { tenant, projectId } = known.task;
  const record = (await runtime.documents.get(BACKUPS, backupId))?.data as unknown as BackupRecord | undefined;
  const isUsable = record?.tenant === tenant && record.projectId === projectId && record.status === 'verified';
  if (!isUsable || projectId === undefined) {
    throw new Problem(400, 'backup_not_found', `work.backup_id: backup ${backupId} of this task's project not found.`);
  }
  const [corrupt] = (await verifyBackup(runtime, { projectId, backupId })).corrupt;
  if (corrupt !== undefined) throw new Problem(422, 'backup_corrupt', `work.backup_id: ${corrupt.path} cannot be restored.`);
  await gatePassed(runtime, known, BACKUP, { set: { backupId } });
}

/** Whoever gave its project up and took it again needs another one: others may have changed the project between. */
const linkOf = ({ id, task }: Known): string => hashedId(id, lifeOf(task), String(task.lockedAt));

async function ownBackup(runtime: Runtime, known: Known): Promise<string | undefined> {
  return (await runtime.documents.get(TASK_BACKUPS, linkOf(known)))?.data.backupId as string | undefined;
}

/** The one backup of a task as long as it has its project; made together, so that a task never has two. */
async function backupOf(runtime: Runtime, known: Known<Task>): Promise<string> {
  const before = await ownBackup(runtime, known);
  if (before !== undefined) return before;
  const { tenant } = known.task;
  const project = await projectOf(runtime, known);
  const backupId = newBackupId(runtime);
  const { clock, settings } = runtime;
  const expireAt = Math.max(clock.now(), known.task.ttl * 1000) + 2 * settings.times.retentionMs;
  const { projectId, projectPath } = project;
  const record = { tenant, projectId, projectPath, kind: 'task', taskId: known.id, by: `task ${known.id}` } as const;
  try {
    await runtime.documents.commit([
      ...project.writes,
      { kind: 'create', collection: TASK_BACKUPS, id: linkOf(known), data: { tenant, backupId, expireAt } },
      newBackup(runtime, backupId, { ...record, description: `Before task ${known.id}` }),
    ]);
    return backupId;
  } catch (error) {
    if (!(error instanceof PreconditionFailed)) throw error;
    // Another message about this task was quicker, or somebody has submitted the project.
    return (await ownBackup(runtime, known)) ?? backupOf(runtime, known);
  }
}

interface TaskProject {
  readonly projectId: string;
  readonly projectPath: string;
  /** Makes its record, where there is none. */
  readonly writes: readonly Write[];
}

async function projectOf(runtime: Runtime, { id, task }: Known<Task>): Promise<TaskProject> {
  const { tenant, projectId = '' } = task;
  const stored = await runtime.documents.get(PROJECTS, projectId);
  if (stored !== undefined && stored.data.tenant === tenant) {
    return { projectId, projectPath: (stored.data as unknown as Project).projectPath, writes: [] };
  }
  const { project_path: path } = await payloadOf(runtime, task);
  const projectPath = await runtime.trees.resolve(String(path));
  if (projectIdOf(tenant, projectPath) !== projectId) {
    throw new Problem(409, 'project_moved', 'payload.project_path leads to another place than when the task was taken.');
  }
  const now = runtime.clock.now();
  const by = `task ${id}`;
  const description = `Submitted by task ${id}`;
  const event = { id: `submitted by ${id}`, event: 'project_submitted', by, detail: { projectPath, description } };
  const data = { tenant, projectPath, description, createdAt: now, updatedAt: now, by, unrecorded: [event] };
  return { projectId, projectPath, writes: [{ kind: 'create', collection: PROJECTS, id: projectId, data }] };
}
