/**
 * The function `backups` of a world: it takes no backups, but as long as one would, and then says what became of it: in time, late,
 * twice, or never. What it is asked twice it does once more.
 */

import { hashedId } from '../../functions/core/hashed-id.ts';
import { room } from '../../functions/core/http.ts';
import { admitPush, openEnvelope } from '../../functions/core/push-gate.ts';
import type { Room, Runtime } from '../../functions/core/runtime.ts';
import { readTask } from '../../functions/core/store.ts';
import type { Known } from '../../functions/core/task.ts';
import { BACKUP } from '../../functions/core/waiting/gate-names.ts';
import { gateFailed, gatePassed } from '../../functions/core/waiting/gates.ts';
import type { Backup } from './scenario.ts';
import type { World } from './world.ts';

/** How long after it was told first something is told again: others may have modified the project by then. */
const AGAIN_MS = [1_000, 30_000, 100_000] as const;

/** The id of a tenant's project. */
export const projectOf = (tenant: string): string => hashedId(tenant, 'project', `/projects/${tenant}`);

/** The id of a backup says under which lock it was begun. */
export const backupIdOf = ({ id, task }: Known): string => `backup_${id}_${task.lockedAt}`;

export function takeBackups(runtime: Runtime, { chance, story }: World): Room {
  return room(runtime, [], (router) => {
    router.post('/pubsub/backups', async (request, response) => {
      await admitPush(runtime, request, '/pubsub/backups');
      const { message } = await openEnvelope(request);
      const { taskId } = JSON.parse(message.data.toString()) as { taskId: string };
      const known = await readTask(runtime, taskId);
      if (known?.task.status === 'waiting' && known.task.waitingFor?.[0] === BACKUP) {
        const { ends, seconds } = (known.task.payload?.backup ?? { ends: 'verified', seconds: 1 }) as Backup;
        story.tell('backups', () => `backs up for ${taskId}: ${ends}, after ${seconds} s`);
        await runtime.clock.sleep(seconds * 1000 + 1);
        if (ends === 'failed') await gateFailed(runtime, known, { code: 'backup_failed', message: 'As the script says.' });
        if (ends === 'verified' || ends === 'twice') await passed(known);
        if (ends === 'twice') runtime.clock.after(chance.oneOf(AGAIN_MS), () => void passed(known).catch(() => {}));
      }
      response.writeHead(204).end();
    });
  });

  async function passed(known: Known): Promise<void> {
    await gatePassed(runtime, known, BACKUP, { set: { backupId: backupIdOf(known) } });
  }
}
