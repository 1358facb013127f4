import type { BackupRecord, Job } from '../core/backup-records.ts';
import { backupIds, manifestHash, readManifest } from '../core/backups/manifest.ts';
import { Problem } from '../core/errors.ts';
import { PreconditionFailed } from '../core/ports.ts';
import { BACKUPS } from '../core/projects.ts';
import type { Runtime } from '../core/runtime.ts';

/** A rollback takes few, and they are the newest. */
const NEWEST = 20;

export interface Adopted {
  readonly id: string;
  readonly data: BackupRecord;
}

/**
 * Makes the records of safety backups, which a rollback takes itself: also of one that a crash has ended before its record was
 * made. Gives those that there are, the oldest first.
 */
export async function adoptBackups(
  runtime: Runtime,
  { tenant, projectId, by }: Pick<Job, 'tenant' | 'projectId' | 'by'>,
): Promise<readonly Adopted[]> {
  const ids = (await backupIds(runtime, projectId)).slice(-NEWEST);
  const adopted = await Promise.all(ids.map((id) => adopt(runtime, { tenant, projectId, by }, id)));
  return adopted.filter((one) => one !== undefined).filter(({ data }) => data.kind === 'safety');
}

async function adopt(runtime: Runtime, owner: Pick<Job, 'tenant' | 'projectId' | 'by'>, id: string): Promise<Adopted | undefined> {
  const stored = await runtime.documents.get(BACKUPS, id);
  if (stored !== undefined) return { id, data: stored.data as unknown as BackupRecord };
  const manifest = await readManifest(runtime, owner.projectId, id).catch((error: unknown) => {
    if (error instanceof Problem && ['backup_corrupt', 'backup_not_found'].includes(error.code)) return undefined;
    throw error;
  });
  if (manifest === undefined) return undefined;
  const createdAt = Date.parse(manifest.timestamp);
  const { project_path: projectPath, description } = manifest;
  const data: BackupRecord = {
    ...owner,
    ...{ projectPath, description, kind: 'safety', status: 'verified', createdAt },
    ...{ finishedAt: createdAt, manifestHash: manifestHash(manifest) },
  };
  try {
    await runtime.documents.commit([{ kind: 'create', collection: BACKUPS, id, data: { ...data } }]);
  } catch (error) {
    if (!(error instanceof PreconditionFailed)) throw error;
  }
  return { id, data };
}
