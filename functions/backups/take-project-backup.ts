/** Takes the backup that a record asks for, slice by slice, reads all of it back, and records what came of it. */

import type { BackupRecord, Checked } from '../core/backup-records.ts';
import { BUCKET } from '../core/backups/blobs.ts';
import { manifestObject } from '../core/backups/manifest.ts';
import { takeBackup } from '../core/backups/take.ts';
import { verifyBackup } from '../core/backups/verify.ts';
import { Problem } from '../core/errors.ts';
import { BACKUPS, ROLLBACKS } from '../core/projects.ts';
import type { Runtime } from '../core/runtime.ts';
import { applyRetention } from './apply-retention.ts';
import { failureOf } from './failure.ts';
import { type Working, workOn } from './job.ts';
import { recordAbout, recordProject } from './record.ts';

type Taking = Working<BackupRecord>;

const NAMED = 20;

/** Works on a backup as far as one call goes. Throws what is to be tried again. */
export async function takeProjectBackup(runtime: Runtime, backupId: string): Promise<void> {
  let finished: BackupRecord | undefined;
  await workOn<BackupRecord>(runtime, { collection: BACKUPS, id: backupId }, async (taking) => {
    const { record } = taking;
    await recordProject(runtime, record.projectId);
    try {
      if (record.deadLetters !== undefined) throw undeliverable();
      const isOver = record.status === 'running' ? await take(runtime, taking) : await check(runtime, taking);
      if (isOver) finished = record;
    } catch (error) {
      await fail(runtime, taking, error);
    }
  });
  if (finished !== undefined) await applyRetention(runtime, finished.projectId);
}

/** Whether it is over: else the next slice goes on. */
async function take(runtime: Runtime, taking: Taking): Promise<boolean> {
  const { id: backupId, record } = taking;
  const { projectId, projectPath, description, full = false } = record;
  const tree = await runtime.trees.open(projectPath);
  if (tree.projectPath !== projectPath) throw moved();
  const taken = await takeBackup(runtime, tree, {
    ...{ projectId, backupId, description, full },
    until: runtime.clock.now() + runtime.settings.times.backupSliceMs,
    onProgress: (progress) => taking.tell({ progress }),
  });
  if (!taken.done) {
    await taking.goOn({ kind: 'backup', backupId });
    return false;
  }
  const { progress, manifestHash } = taken;
  taking.tell({ progress });
  await refuseMixed(runtime, record);
  const checked = await checkedNow(runtime, projectId, backupId);
  if (checked.corrupt.length > 0) return takeAnew(runtime, taking, checked);
  await recordAbout(runtime, record, { event: 'backup_created', detail: { backupId, manifestHash }, once: backupId });
  await taking.end({ status: 'verified', progress, manifestHash, checked, finishedAt: runtime.clock.now() });
  return true;
}

/** What was read while a rollback exchanged the tree may be of both. */
async function refuseMixed({ documents }: Runtime, { tenant, projectId, createdAt }: BackupRecord): Promise<void> {
  const { documents: found } = await documents.query(ROLLBACKS, {
    equal: { tenant, projectId },
    orderBy: { field: 'createdAt', direction: 'desc' },
    limit: 1,
  });
  const last = found[0]?.data as { status: string; finishedAt?: number } | undefined;
  if (last === undefined || (last.status !== 'running' && (last.finishedAt ?? 0) < createdAt)) return;
  throw new Problem(409, 'project_changed', 'The project was rolled back while this backup was taken. Take another one.');
}

/** It stands on what an older backup has stored, which is damaged: once more, on nothing. */
async function takeAnew(runtime: Runtime, taking: Taking, { corrupt }: Checked): Promise<false> {
  const { id: backupId, record } = taking;
  if (record.full) throw new Problem(500, 'backup_corrupt', `What was stored cannot be read back: ${corrupt[0]?.reason}.`);
  await taking.write({ full: true });
  await runtime.objects.delete(BUCKET, manifestObject(record.projectId, backupId));
  await taking.goOn({ kind: 'backup', backupId });
  return false;
}

/** The check that somebody has asked for. A backup that does not pass is one no longer. */
async function check(runtime: Runtime, taking: Taking): Promise<boolean> {
  const { id: backupId, record } = taking;
  const checked = await checkedNow(runtime, record.projectId, backupId);
  const [first] = checked.corrupt;
  if (first === undefined) {
    await taking.end({ checked });
    return true;
  }
  await taking.write({ checked });
  throw new Problem(500, 'backup_corrupt', `${JSON.stringify(first.path)} cannot be restored: ${first.reason}.`);
}

async function checkedNow(runtime: Runtime, projectId: string, backupId: string): Promise<Checked> {
  const { files, bytes, corrupt } = await verifyBackup(runtime, { projectId, backupId });
  // Stores take no halves of characters, which stand for bytes in names.
  const named = corrupt.slice(0, NAMED).map(({ path, reason }) => ({ path: path.toWellFormed(), reason: reason.toWellFormed() }));
  return { at: runtime.clock.now(), files, bytes, corrupt: named };
}

/** Ends it as failed; throws what another try may mend. */
async function fail(runtime: Runtime, taking: Taking, error: unknown): Promise<void> {
  const failure = failureOf(error);
  if (failure === undefined) throw error;
  const { id: backupId, record } = taking;
  const detail = { backupId, code: failure.code };
  await recordAbout(runtime, record, { event: 'backup_failed', detail, once: `${backupId} failed` });
  const now = runtime.clock.now();
  const expireAt = now + runtime.settings.times.retentionMs;
  await taking.end({ status: 'failed', error: failure, finishedAt: now, expireAt });
}

const moved = () =>
  new Problem(409, 'project_moved', 'project_path leads to another place than when it was submitted. Submit it again.');

const undeliverable = () =>
  new Problem(500, 'backup_undeliverable', 'Its messages were given up: the function failed each time. Its log says why.');
