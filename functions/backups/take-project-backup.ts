/** Takes the backup that a record asks for, slice by slice, reads all of it back, and records what came of it. */

import type { BackupRecord, Checked, RollbackRecord } from '../core/backup-records.ts';
import { BUCKET } from '../core/backups/blobs.ts';
import { manifestObject } from '../core/backups/manifest.ts';
import { takeBackup } from '../core/backups/take.ts';
import { Problem } from '../core/errors.ts';
import { BACKUPS, openProject, ROLLBACKS } from '../core/projects.ts';
import type { Runtime } from '../core/runtime.ts';
import { applyRetention } from './apply-retention.ts';
import { failureOf } from './failure.ts';
import { type Working, workOn } from './job.ts';
import { recordAbout, recordProject } from './record.ts';
import { verifySlice } from './verify-slice.ts';

type Taking = Working<BackupRecord>;

/** More of them do not begin and end while one backup is taken. */
const LAST_ROLLBACKS = 20;
const UNCHECKED = { files: 0, bytes: 0, corrupt: [] };

/** Works on a backup as far as one call goes. Throws what is to be tried again. */
export async function takeProjectBackup(runtime: Runtime, backupId: string): Promise<void> {
  let finished: BackupRecord | undefined;
  await workOn<BackupRecord>(runtime, { collection: BACKUPS, id: backupId }, async (taking) => {
    const { record } = taking;
    await recordProject(runtime, record.projectId);
    try {
      if (record.deadLetters !== undefined) return await giveUp(runtime, taking);
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
  const tree = await openProject(runtime, { projectPath });
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
  const checked = await checkedNow(runtime, taking);
  if (checked === undefined) return false;
  if (checked.corrupt.length > 0) return takeAnew(runtime, taking, checked);
  await recordAbout(runtime, record, { event: 'backup_created', detail: { backupId, manifestHash }, once: backupId });
  await taking.end({ status: 'verified', progress, manifestHash, checked, finishedAt: runtime.clock.now() });
  return true;
}

/** What was read while a rollback exchanged the tree may be of both. A task that waits for its backup has the project to itself. */
async function refuseMixed({ documents }: Runtime, { kind, tenant, projectId, createdAt }: BackupRecord): Promise<void> {
  if (kind === 'task') return;
  const { documents: found } = await documents.query(ROLLBACKS, {
    equal: { tenant, projectId },
    orderBy: { field: 'createdAt', direction: 'desc' },
    limit: LAST_ROLLBACKS,
  });
  const isAtFault = ({ status, finishedAt = 0 }: RollbackRecord): boolean =>
    status === 'running' || (status === 'succeeded' && finishedAt >= createdAt);
  if (!found.some(({ data }) => isAtFault(data as unknown as RollbackRecord))) return;
  throw new Problem(409, 'project_changed', 'The project was rolled back while this backup was taken. Take another one.');
}

/** It stands on what an older backup has stored, which is damaged: once more, on nothing. */
async function takeAnew(runtime: Runtime, taking: Taking, { corrupt }: Checked): Promise<false> {
  const { id: backupId, record } = taking;
  if (record.full) throw new Problem(500, 'backup_corrupt', `What was stored cannot be read back: ${corrupt[0]?.reason}.`);
  await taking.write({ full: true, checking: UNCHECKED });
  await runtime.objects.delete(BUCKET, manifestObject(record.projectId, backupId));
  await taking.goOn({ kind: 'backup', backupId });
  return false;
}

/** The check that somebody has asked for. A backup that does not pass is one no longer. */
async function check(runtime: Runtime, taking: Taking): Promise<boolean> {
  const checked = await checkedNow(runtime, taking);
  if (checked === undefined) return false;
  const [first] = checked.corrupt;
  if (first === undefined) {
    await taking.end({ checked });
    return true;
  }
  await taking.write({ checked });
  throw new Problem(500, 'backup_corrupt', `${JSON.stringify(first.path)} cannot be restored: ${first.reason}.`);
}

/** What all of it reads like; `undefined` when the next slice goes on with that. */
async function checkedNow(runtime: Runtime, { id: backupId, record, goOn, write }: Taking): Promise<Checked | undefined> {
  const { projectId, checking = UNCHECKED } = record;
  const until = runtime.clock.now() + runtime.settings.times.backupSliceMs;
  const after = await verifySlice(runtime, { projectId, backupId, until }, checking);
  if (after.from !== undefined) {
    await write({ checking: after });
    await goOn({ kind: 'backup', backupId });
    return undefined;
  }
  return { at: runtime.clock.now(), ...after };
}

/** A backup that could not be taken is none; one that could not be checked is what it was. */
async function giveUp(runtime: Runtime, taking: Taking): Promise<void> {
  if (taking.record.status === 'running') await fail(runtime, taking, undeliverable());
  else await taking.end({});
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

const undeliverable = () =>
  new Problem(500, 'backup_undeliverable', 'Its messages were given up: the function failed each time. Its log says why.');
