/** What `backups` does is waited for, for a while: then the answer is that it goes on. */

import type { BackupRecord, Job } from '../core/backup-records.ts';
import { Problem } from '../core/errors.ts';
import { BACKUPS } from '../core/projects.ts';
import type { Runtime } from '../core/runtime.ts';
import type { JsonObject } from '../core/task.ts';
import { untilDocument } from '../core/until-document.ts';

export interface Reply {
  readonly status: number;
  readonly body: JsonObject;
}

/** Is called back when nobody waits for the answer any more. */
export type WhenGone = (run: () => void) => void;

/** The record as last seen: ended, or as it was when the wait was over. */
export async function ended<T extends Job>(
  runtime: Runtime,
  collection: string,
  id: string,
  whenGone: WhenGone,
): Promise<Partial<T>> {
  const ms = runtime.settings.times.backupWaitMs;
  const seen = await untilDocument(
    runtime,
    { collection, id, ms },
    (data) => data !== undefined && data.open === undefined,
    whenGone,
  );
  return (seen ?? { open: true }) as Partial<T>;
}

/** What is answered about a backup that was asked for. Throws why it failed. */
export async function answerOfBackup(
  runtime: Runtime,
  { projectId, backupId }: { readonly projectId: string; readonly backupId: string },
  whenGone: WhenGone,
): Promise<Reply> {
  const record = await ended<BackupRecord>(runtime, BACKUPS, backupId, whenGone);
  refuse(record);
  const names = { backup_id: backupId, project_id: projectId };
  if (record.open) return { status: 202, body: { status: 'running', ...names } };
  return { status: 200, body: { status: 'success', ...names } };
}

/** Throws why it failed, if it did. */
export function refuse({ error }: Partial<Job>): void {
  if (error !== undefined) throw new Problem(error.status, error.code, error.message);
}
