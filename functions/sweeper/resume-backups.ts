/** Backups and rollbacks that wait for somebody: their message was lost, or whoever worked on them has died. */

import { askOrLeave, type BackupMessage } from '../core/backup-records.ts';
import { PreconditionFailed } from '../core/ports.ts';
import { BACKUPS, ROLLBACKS } from '../core/projects.ts';
import type { Runtime } from '../core/runtime.ts';

const AT_ONCE = 100;

/** Asks for them again, and returns for how many. Both are few: they need no shards. */
export async function resumeBackups(runtime: Runtime): Promise<number> {
  const [backups, rollbacks] = await Promise.all([
    resume(runtime, BACKUPS, (backupId) => ({ kind: 'backup', backupId })),
    resume(runtime, ROLLBACKS, (rollbackId) => ({ kind: 'rollback', rollbackId })),
  ]);
  return backups + rollbacks;
}

async function resume(runtime: Runtime, collection: string, messageOf: (id: string) => BackupMessage): Promise<number> {
  const { documents, clock, settings } = runtime;
  const found = await documents.query(collection, {
    equal: { open: true },
    orderBy: { field: 'wakeAt', direction: 'asc' },
    atMost: clock.now(),
    limit: AT_ONCE,
  });
  let count = 0;
  for (const { id, version } of found.documents) {
    try {
      // Before the message: of two sweeps at once one asks.
      const set = { wakeAt: clock.now() + settings.times.republishMs };
      await documents.commit([{ kind: 'update', collection, id, version, set }]);
      await askOrLeave(runtime, messageOf(id));
      count += 1;
    } catch (error) {
      if (!(error instanceof PreconditionFailed)) throw error;
    }
  }
  return count;
}
