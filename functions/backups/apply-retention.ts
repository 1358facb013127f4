/** Gives up the backups that a project's rule does not keep. */

import { type BackupRecord, retentionOf } from '../core/backup-records.ts';
import { expireBackups } from '../core/backups/sweep.ts';
import { PreconditionFailed } from '../core/ports.ts';
import { BACKUPS, PROJECTS, type Project } from '../core/projects.ts';
import type { Runtime } from '../core/runtime.ts';
import { readTask } from '../core/store.ts';
import { isEnded } from '../core/task.ts';

/**
 * The way back of a task that has not ended is kept, whatever the rule says, and so is one that somebody works on. The record
 * says that a backup is given up before it is: what is shown as there, is there. What a failure leaves goes after the next backup.
 */
export async function applyRetention(runtime: Runtime, projectId: string): Promise<void> {
  const project = (await runtime.documents.get(PROJECTS, projectId))?.data as Project | undefined;
  if (project === undefined) return;
  try {
    await expireBackups(runtime, projectId, retentionOf(runtime, project), (backupId) => giveUp(runtime, backupId));
  } catch (error) {
    runtime.log.warn({ err: error, projectId }, 'Old backups could not be given up; the next backup tries again.');
  }
}

/** Whether it may be given up; then its record says so. */
async function giveUp(runtime: Runtime, backupId: string): Promise<boolean> {
  const stored = await runtime.documents.get(BACKUPS, backupId);
  if (stored === undefined) return true;
  const record = stored.data as unknown as BackupRecord;
  if (record.open || (await isNeeded(runtime, record))) return false;
  if (record.status !== 'verified') return true;
  const set = { status: 'expired', expireAt: runtime.clock.now() + runtime.settings.times.retentionMs };
  try {
    await runtime.documents.commit([{ kind: 'update', collection: BACKUPS, id: backupId, version: stored.version, set }]);
    return true;
  } catch (error) {
    if (error instanceof PreconditionFailed) return false;
    throw error;
  }
}

async function isNeeded(runtime: Runtime, { taskId }: BackupRecord): Promise<boolean> {
  const known = taskId === undefined ? undefined : await readTask(runtime, taskId);
  return known !== undefined && !isEnded(known.task.status);
}
