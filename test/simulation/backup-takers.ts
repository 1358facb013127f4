/**
 * The function `backups` of a world: it takes no backups, but as long as one would, and then says what became of it: in time, late,
 * twice, or never. What it is asked twice it does once more. It puts nothing back either, but has the project to itself meanwhile.
 */

import { hashedId } from '../../functions/core/hashed-id.ts';
import { jsonBody, room, send } from '../../functions/core/http.ts';
import { admitPush, openEnvelope } from '../../functions/core/push-gate.ts';
import type { Room, Runtime } from '../../functions/core/runtime.ts';
import { readTask } from '../../functions/core/store.ts';
import type { Known } from '../../functions/core/task.ts';
import { BACKUP, projectGate } from '../../functions/core/waiting/gate-names.ts';
import { gateFailed, gatePassed } from '../../functions/core/waiting/gates.ts';
import { releaseResource, takeResource } from '../../functions/core/waiting/slots.ts';
import type { Backup } from './scenario.ts';
import type { World } from './world.ts';

/** How long after it was told first something is told again: others may have modified the project by then. */
const AGAIN_MS = [1_000, 30_000, 100_000] as const;

/** How the names begin of those who put a project back. */
export const RESTORER = 'restorer ';

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
        if (ends === 'failed') await failed(known);
        if (ends === 'verified' || ends === 'twice' || ends === 'contrary') await passed(known);
        if (ends === 'twice') runtime.clock.after(chance.oneOf(AGAIN_MS), () => void passed(known).catch(() => {}));
        if (ends === 'contrary') runtime.clock.after(chance.oneOf(AGAIN_MS), () => void failed(known).catch(() => {}));
      }
      response.writeHead(204).end();
    });

    router.post('/restore', async (request, response) => {
      const { tenant, holder, seconds } = (await jsonBody(request, 10_000)) as { tenant: string; holder: string; seconds: number };
      const gate = projectGate(projectOf(tenant));
      const isMine = await takeResource(runtime, tenant, gate, holder);
      story.tell('backups', () => `${holder} ${isMine ? 'has' : 'does not have'} the project of ${tenant}`);
      if (isMine) {
        await runtime.clock.sleep(seconds * 1000);
        await releaseResource(runtime, tenant, gate, holder);
      }
      send(response, isMine ? 200 : 409, {});
    });
  });

  async function failed(known: Known): Promise<void> {
    await gateFailed(runtime, known, { code: 'backup_failed', message: 'As the script says.' });
  }

  async function passed(known: Known): Promise<void> {
    await gatePassed(runtime, known, BACKUP, { set: { backupId: backupIdOf(known) } });
  }
}
