/** How backups and rollbacks are shown. */

import type { BackupRecord, Checked, Failure, RollbackRecord } from './backup-records.ts';
import type { JsonObject } from './task.ts';

/** `{backup_id, project_id, project_path, description, timestamp, status, kind, by, …}`; times are ISO 8601. */
export function backupView(backupId: string, record: BackupRecord): JsonObject {
  return {
    backup_id: backupId,
    project_id: record.projectId,
    project_path: record.projectPath,
    description: record.description,
    timestamp: iso(record.createdAt),
    status: record.status,
    kind: record.kind,
    by: record.by,
    ...(record.taskId === undefined ? {} : { task_id: record.taskId }),
    ...(record.progress === undefined ? {} : { progress: { ...record.progress } }),
    ...(record.finishedAt === undefined ? {} : { finished_at: iso(record.finishedAt) }),
    ...(record.manifestHash === undefined ? {} : { manifest_hash: record.manifestHash }),
    ...(record.checked === undefined ? {} : { checked: checkedView(record.checked) }),
    ...(record.error === undefined ? {} : { error: errorView(record.error) }),
  };
}

export function checkedView({ at, files, bytes, corrupt }: Checked): JsonObject {
  return { at: iso(at), files, bytes, corrupt };
}

export function rollbackView(rollbackId: string, record: RollbackRecord): JsonObject {
  return {
    rollback_id: rollbackId,
    project_id: record.projectId,
    project_path: record.projectPath,
    backup_id: record.backupId,
    status: record.status,
    by: record.by,
    timestamp: iso(record.createdAt),
    ...(record.safetyBackupId === undefined ? {} : { safety_backup_id: record.safetyBackupId }),
    ...(record.finishedAt === undefined ? {} : { finished_at: iso(record.finishedAt) }),
    ...(record.error === undefined ? {} : { error: errorView(record.error) }),
  };
}

const errorView = ({ code, message }: Failure): JsonObject => ({ code, message });

const iso = (ms: number): string => new Date(ms).toISOString();
