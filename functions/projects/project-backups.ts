/** `GET` and `POST /projects/{id}/backups`, one of them, and `POST …/{backup_id}/verify`. */

import * as z from 'zod';
import type { Caller } from '../core/authenticate.ts';
import { askOrLeave, type BackupRecord, newBackup, opened } from '../core/backup-records.ts';
import { backupView, checkedView } from '../core/backup-view.ts';
import { isBackupId, newBackupId } from '../core/backups/manifest.ts';
import { Problem } from '../core/errors.ts';
import { checked, paging } from '../core/http.ts';
import { pageOf } from '../core/page.ts';
import { PreconditionFailed, type Stored } from '../core/ports.ts';
import { BACKUPS, ownProject } from '../core/projects.ts';
import type { Runtime } from '../core/runtime.ts';
import type { JsonObject } from '../core/task.ts';
import { answerOfBackup, ended, type Reply, type WhenGone } from './await-backup.ts';

export const backupsQuery = z.strictObject({ ...paging, status: z.enum(['running', 'verified', 'failed', 'expired']).optional() });

export const backupBody = z.strictObject({
  description: z.string().max(1_000).default('Requested'),
  /** Stores everything anew, whatever older backups hold. */
  full: z.boolean().default(false),
});

/** `{backups, nextCursor?}`, the newest first. */
export async function listBackups(runtime: Runtime, { tenant }: Caller, projectId: string, query: unknown): Promise<JsonObject> {
  const { status, ...page } = checked(backupsQuery, query);
  await ownProject(runtime, tenant, projectId);
  const equal = { tenant, projectId, ...(status === undefined ? {} : { status }) };
  const { documents, ...rest } = await pageOf(runtime, BACKUPS, equal, page);
  return { backups: documents.map(({ id, data }) => backupView(id, data as unknown as BackupRecord)), ...rest };
}

/** Takes a backup; answers as `POST /submit-project` does. */
export async function postBackup(
  runtime: Runtime,
  { tenant, name: by }: Caller,
  projectId: string,
  given: unknown,
  whenGone: WhenGone,
): Promise<Reply> {
  const { description, full } = checked(backupBody, given);
  const { projectPath } = (await ownProject(runtime, tenant, projectId)).project;
  const backupId = newBackupId(runtime);
  const record = { tenant, projectId, projectPath, description, full, by, kind: 'requested' } as const;
  await runtime.documents.commit([newBackup(runtime, backupId, record)]);
  await askOrLeave(runtime, { kind: 'backup', backupId });
  return answerOfBackup(runtime, { projectId, backupId }, whenGone);
}

export async function getBackup(runtime: Runtime, caller: Caller, projectId: string, backupId: string): Promise<JsonObject> {
  const { id, record } = await ownBackup(runtime, caller.tenant, projectId, backupId);
  return backupView(id, record);
}

/**
 * Reads back all that a backup names. Answers 200 `{status: "success", backup_id, verified, files, bytes, corrupt}`, or 202 when it
 * takes longer. Throws `Problem` 404, 409 `backup_running`, `backup_not_verified`.
 */
export async function verifyOne(
  runtime: Runtime,
  caller: Caller,
  projectId: string,
  backupId: string,
  whenGone: WhenGone,
): Promise<Reply> {
  const { version, record } = await ownBackup(runtime, caller.tenant, projectId, backupId);
  const busy = new Problem(409, 'backup_running', `Backup ${backupId} is being taken or checked. Wait until that has ended.`);
  if (record.open) throw busy;
  if (record.status !== 'verified') {
    throw new Problem(409, 'backup_not_verified', `Backup ${backupId} is ${record.status}: there is nothing to check.`);
  }
  try {
    const set = opened(runtime);
    await runtime.documents.commit([{ kind: 'update', collection: BACKUPS, id: backupId, version, set }]);
  } catch (error) {
    throw error instanceof PreconditionFailed ? busy : error;
  }
  await askOrLeave(runtime, { kind: 'backup', backupId });
  const after = await ended<BackupRecord>(runtime, BACKUPS, backupId, whenGone);
  if (after.open || after.checked === undefined) return { status: 202, body: { status: 'running', backup_id: backupId } };
  const { at, ...rest } = checkedView(after.checked);
  return { status: 200, body: { status: 'success', backup_id: backupId, verified: after.status === 'verified', ...rest } };
}

/** Throws `Problem` 404 `backup_not_found`, for that of another project or tenant as for none. */
export async function ownBackup(
  { documents }: Pick<Runtime, 'documents'>,
  tenant: string,
  projectId: string,
  backupId: string,
): Promise<Stored & { readonly record: BackupRecord }> {
  const stored = isBackupId(backupId) ? await documents.get(BACKUPS, backupId) : undefined;
  const record = stored?.data as unknown as BackupRecord | undefined;
  if (stored === undefined || record?.tenant !== tenant || record.projectId !== projectId) {
    throw new Problem(404, 'backup_not_found', `Backup ${backupId.slice(0, 100)} not found.`);
  }
  return { ...stored, record };
}
