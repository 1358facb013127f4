import * as z from 'zod';
import { type Incoming, jsonOf } from '../core/push-gate.ts';
import { quarantine } from '../core/quarantine.ts';
import { SIGNATURE } from '../core/run-message.ts';
import type { Runtime } from '../core/runtime.ts';
import { recordProject } from './record.ts';
import { takeProjectBackup } from './take-project-backup.ts';
import { backupForTask, tellTask } from './task-backup.ts';

const messageSchema = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('backup'), backupId: z.string() }),
  z.object({ kind: z.literal('rollback'), rollbackId: z.string() }),
  z.object({ kind: z.literal('task-backup'), taskId: z.string() }),
  z.object({ kind: z.literal('project'), projectId: z.string() }),
]);

/** Does what a message asks for, or quarantines what was not signed here. Throws what should be delivered again. */
export async function handleMessage(runtime: Runtime, incoming: Incoming): Promise<void> {
  const { message } = incoming;
  const parsed = jsonOf(incoming);
  if ('reason' in parsed) return quarantine(runtime, message, parsed);
  const asked = messageSchema.safeParse(parsed.value).data;
  if (asked === undefined || !runtime.signing.messageValid(message.data, message.attributes[SIGNATURE])) {
    return quarantine(runtime, message, {
      code: 'invalid_backup_message',
      reason: 'The message is not a signed one about backups.',
    });
  }
  if (asked.kind === 'rollback') return (await import('./roll-back-project.ts')).rollBackProject(runtime, asked.rollbackId);
  if (asked.kind === 'project') {
    await recordProject(runtime, asked.projectId);
    return (await import('./apply-retention.ts')).applyRetention(runtime, asked.projectId);
  }
  const backupId = asked.kind === 'backup' ? asked.backupId : await backupForTask(runtime, asked.taskId);
  if (backupId === undefined) return;
  await takeProjectBackup(runtime, backupId);
  await tellTask(runtime, backupId);
}
