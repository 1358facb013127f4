/** Makes the rollback that a record asks for, while it has the project to itself, and records what became of it. */

import type { BackupRecord, RollbackRecord } from '../core/backup-records.ts';
import { changedSince } from '../core/backups/diff.ts';
import { readManifest } from '../core/backups/manifest.ts';
import { rollBack } from '../core/backups/rollback.ts';
import { Problem } from '../core/errors.ts';
import type { ProjectTree } from '../core/ports.ts';
import { BACKUPS, openProject, ROLLBACKS } from '../core/projects.ts';
import type { Runtime } from '../core/runtime.ts';
import { projectGate } from '../core/waiting/gate-names.ts';
import { releaseResource, takeResource } from '../core/waiting/slots.ts';
import { adoptBackups } from './adopt-backups.ts';
import { failureOf } from './failure.ts';
import { LeaseLost, type Working, workOn } from './job.ts';
import { recordAbout, recordProject } from './record.ts';
import { recoverTrees } from './recover-trees.ts';

type Rolling = Working<RollbackRecord>;

/** Under what a rollback holds its project's lock. */
const holderOf = (rollbackId: string): string => `rollback:${rollbackId}`;

/** Works on a rollback until it has ended. Throws what is to be tried again. */
export async function rollBackProject(runtime: Runtime, rollbackId: string): Promise<void> {
  // First of all: what a crash has left half done is brought to its end, and then the record says so.
  await recoverTrees(runtime);
  await workOn<RollbackRecord>(runtime, { collection: ROLLBACKS, id: rollbackId }, async (rolling) => {
    const { tenant, projectId } = rolling.record;
    await recordProject(runtime, projectId);
    try {
      if (rolling.record.deadLetters !== undefined) throw undeliverable();
      if (!(await takeResource(runtime, tenant, projectGate(projectId), holderOf(rollbackId)))) throw busy();
      await succeed(runtime, rolling, await restored(runtime, rolling));
    } catch (error) {
      await fail(runtime, rolling, error);
    }
  });
}

/** Rolls back, unless that was done before a crash. The id of the backup of what there was. */
async function restored(runtime: Runtime, rolling: Rolling): Promise<string> {
  const { projectId, projectPath, backupId, safetyBackupId, attempts = 1 } = rolling.record;
  if (safetyBackupId !== undefined) return safetyBackupId;
  const tree = await openProject(runtime, { projectPath }, { mayBeGone: true });
  if (attempts > 1) {
    const before = await doneBefore(runtime, rolling, tree);
    if (before !== undefined) return before;
  }
  await refuseUnverified(runtime, backupId);
  try {
    return (await rollBack(runtime, tree, { projectId, backupId })).safety_backup_id;
  } catch (error) {
    // Whoever had this record before still lives, and has not noticed that it is no longer his.
    if (attempts > 1 && error instanceof Problem && error.code === 'project_busy') throw new LeaseLost(error.message);
    throw error;
  }
}

/** The safety backup of a try that had its effect, but not its end. */
async function doneBefore(runtime: Runtime, { record }: Rolling, tree: ProjectTree): Promise<string | undefined> {
  const { projectId, backupId, createdAt, outcome } = record;
  const safeties = (await adoptBackups(runtime, record)).filter(({ data }) => data.createdAt >= createdAt);
  const last = safeties.at(-1);
  if (last === undefined || outcome === 'completed') return last?.id;
  const target = await readManifest(runtime, projectId, backupId);
  return (await changedSince(runtime, target, tree)) === undefined ? last.id : undefined;
}

async function refuseUnverified(runtime: Runtime, backupId: string): Promise<void> {
  const { status, error } = ((await runtime.documents.get(BACKUPS, backupId))?.data ?? {}) as Partial<BackupRecord>;
  if (status === 'verified') return;
  if (error !== undefined) throw new Problem(error.status, error.code, error.message);
  throw new Problem(400, 'backup_not_found', `Backup ${backupId} not found.`);
}

async function succeed(runtime: Runtime, rolling: Rolling, safetyBackupId: string): Promise<void> {
  const { id: rollbackId, record } = rolling;
  await rolling.write({ safetyBackupId });
  await adoptBackups(runtime, record);
  const detail = { rollbackId, backupId: record.backupId, safetyBackupId };
  await recordAbout(runtime, record, { event: 'rolled_back', detail, once: rollbackId });
  await leave(runtime, rolling, { status: 'succeeded' });
}

/** Ends it as failed; throws what another try may mend. */
async function fail(runtime: Runtime, rolling: Rolling, error: unknown): Promise<void> {
  const failure = failureOf(error);
  if (failure === undefined) throw error;
  const { id: rollbackId, record } = rolling;
  await adoptBackups(runtime, record);
  const detail = { rollbackId, backupId: record.backupId, code: failure.code };
  await recordAbout(runtime, record, { event: 'rollback_failed', detail, once: `${rollbackId} failed` });
  await leave(runtime, rolling, { status: 'failed', error: failure });
}

/** The lock goes first: nobody would free that of a rollback that has ended. */
async function leave(runtime: Runtime, { id, record, end }: Rolling, fields: Partial<RollbackRecord>): Promise<void> {
  const { tenant, projectId } = record;
  await releaseResource(runtime, tenant, projectGate(projectId), holderOf(id));
  const now = runtime.clock.now();
  await end({ ...fields, finishedAt: now, expireAt: now + runtime.settings.times.retentionMs });
}

const busy = () =>
  new Problem(409, 'project_busy', 'A modification or another rollback of this project is at work. Try again when it has ended.');

const undeliverable = () =>
  new Problem(500, 'rollback_undeliverable', 'Its messages were given up: the function failed each time. Its log says why.');
