/**
 * The records of backups and rollbacks: each is its own outbox. While there is something to be done it is `open`, and the sweeper
 * asks for it again at `wakeAt`; what is done is decided by the record alone, so that a message may come twice, or be lost.
 */

import type { Progress } from './backups/recorder.ts';
import type { RetentionPolicy } from './backups/retention.ts';
import type { Write } from './ports.ts';
import { BACKUPS, type Project, ROLLBACKS } from './projects.ts';
import { SIGNATURE } from './run-message.ts';
import type { Runtime } from './runtime.ts';
import type { JsonObject } from './task.ts';

/** The topic on which `backups` is asked for things. */
const BACKUPS_TOPIC = 'backups';

export type BackupMessage =
  | { readonly kind: 'backup'; readonly backupId: string }
  | { readonly kind: 'rollback'; readonly rollbackId: string }
  /** The backup that a modification waits for. */
  | { readonly kind: 'task-backup'; readonly taskId: string }
  /** What was decided about a project is to be recorded, and its retention applied. */
  | { readonly kind: 'project'; readonly projectId: string };

/** Why something failed: `status` is what HTTP answers. */
export interface Failure {
  readonly status: number;
  readonly code: string;
  readonly message: string;
}

/** What both kinds have in common. Times are milliseconds since the epoch. */
export interface Job {
  readonly tenant: string;
  readonly projectId: string;
  readonly projectPath: string;
  readonly createdAt: number;
  readonly finishedAt?: number;
  /** Who asked for it. */
  readonly by: string;
  readonly error?: Failure;
  /** Absent when nothing is to be done. */
  readonly open?: true;
  readonly wakeAt?: number;
  /** Who is at it, since the store's time `leasedAt`. */
  readonly worker?: string;
  readonly leasedAt?: number;
  /** How often somebody began. */
  readonly attempts?: number;
  /** Messages about it that were given up. */
  readonly deadLetters?: number;
  readonly expireAt?: number;
}

/** `verified`: every byte was read back. `expired`: the retention gave it up. */
export type BackupStatus = 'running' | 'verified' | 'failed' | 'expired';

export interface BackupRecord extends Job {
  readonly status: BackupStatus;
  readonly description: string;
  /** `safety`: taken before a rollback. */
  readonly kind: 'requested' | 'task' | 'safety';
  readonly taskId?: string;
  /** Builds on no other backup. */
  readonly full?: boolean;
  readonly progress?: Progress;
  readonly manifestHash?: string;
  /** The last check of all it names, and how far the one that is at work has come. */
  readonly checked?: Checked;
  readonly checking?: Checking;
}

/** What came of a check. `corrupt` names the first files that cannot be restored, and why. */
export interface Checked {
  readonly at: number;
  readonly files: number;
  readonly bytes: number;
  readonly corrupt: readonly { readonly path: string; readonly reason: string }[];
}

/** A check on its way: `from` is the entry of the manifest that comes next. */
export type Checking = Omit<Checked, 'at'> & { readonly from?: number };

export interface RollbackRecord extends Job {
  readonly status: 'running' | 'succeeded' | 'failed';
  readonly backupId: string;
  readonly safetyBackupId?: string;
  /** What became of the exchange of trees when a crash came in between. */
  readonly outcome?: 'completed' | 'undone';
}

/** A decision about a project that is not in the audit log yet: `id` tells a repeat from another one. */
export interface Unrecorded {
  readonly id: string;
  readonly event: string;
  readonly by: string;
  readonly detail: JsonObject;
}

/** The document of a project, with what is still to be recorded of it. */
export type ProjectRecord = Project & { readonly unrecorded?: readonly Unrecorded[] };

export const retentionOf = ({ settings }: Pick<Runtime, 'settings'>, { retention }: Project): RetentionPolicy =>
  retention ?? settings.retention;

/** A backup that is to be taken. */
export function newBackup(
  runtime: Pick<Runtime, 'clock' | 'settings'>,
  backupId: string,
  record: Pick<BackupRecord, 'tenant' | 'projectId' | 'projectPath' | 'description' | 'kind' | 'by' | 'taskId' | 'full'>,
): Write {
  const data = { ...record, status: 'running', ...opened(runtime), createdAt: runtime.clock.now() };
  return { kind: 'create', collection: BACKUPS, id: backupId, data };
}

/** A rollback that is to be made. */
export function newRollback(
  runtime: Pick<Runtime, 'clock' | 'settings'>,
  rollbackId: string,
  record: Pick<RollbackRecord, 'tenant' | 'projectId' | 'projectPath' | 'backupId' | 'by'>,
): Write {
  const data = { ...record, status: 'running', ...opened(runtime), createdAt: runtime.clock.now() };
  return { kind: 'create', collection: ROLLBACKS, id: rollbackId, data };
}

/** The fields of a record with which something is to be done. */
export function opened({ clock, settings }: Pick<Runtime, 'clock' | 'settings'>): { open: true; wakeAt: number } {
  return { open: true, wakeAt: clock.now() + settings.times.republishMs };
}

/** Asks for what a record says, or leaves it to the sweeper. */
export async function askOrLeave(runtime: Pick<Runtime, 'messages' | 'signing' | 'log'>, message: BackupMessage): Promise<void> {
  const data = JSON.stringify(message);
  try {
    await runtime.messages.publish(BACKUPS_TOPIC, { data, attributes: { [SIGNATURE]: runtime.signing.message(data) } });
  } catch (error) {
    runtime.log.warn({ err: error, ...message }, 'A backup or rollback could not be asked for; the sweeper will.');
  }
}
