import type { BackupMessage } from '../core/backup-records.ts';
import { askOrLeave } from '../core/backup-records.ts';
import { PreconditionFailed } from '../core/ports.ts';
import { BACKUPS, ROLLBACKS } from '../core/projects.ts';
import { type Incoming, jsonOf } from '../core/push-gate.ts';
import { quarantine } from '../core/quarantine.ts';
import { SIGNATURE } from '../core/run-message.ts';
import type { Runtime } from '../core/runtime.ts';

/**
 * A message about a backup or a rollback was given up: its record says so, and `backups`, asked once more, ends it as failed. What a
 * task waits for its gate asks for again, and what a project has to record its next backup does.
 */
export async function noteBackup(runtime: Runtime, incoming: Incoming): Promise<void> {
  const { message } = incoming;
  const parsed = jsonOf(incoming);
  if ('reason' in parsed) return quarantine(runtime, message, parsed);
  if (!runtime.signing.messageValid(message.data, message.attributes[SIGNATURE])) {
    return quarantine(runtime, message, {
      code: 'invalid_backup_message',
      reason: 'The message is not a signed one about backups.',
    });
  }
  const asked = parsed.value as BackupMessage;
  if (asked.kind === 'backup') await note(runtime, BACKUPS, asked.backupId, asked);
  if (asked.kind === 'rollback') await note(runtime, ROLLBACKS, asked.rollbackId, asked);
}

async function note(runtime: Runtime, collection: string, id: string, asked: BackupMessage): Promise<void> {
  for (;;) {
    const stored = await runtime.documents.get(collection, id);
    if (stored?.data.open === undefined) return;
    const set = { deadLetters: ((stored.data.deadLetters as number | undefined) ?? 0) + 1 };
    try {
      await runtime.documents.commit([{ kind: 'update', collection, id, version: stored.version, set }]);
      return askOrLeave(runtime, asked);
    } catch (error) {
      if (!(error instanceof PreconditionFailed)) throw error;
    }
  }
}
