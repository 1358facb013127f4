/** `backups`: takes, verifies and restores backups, one slice a message, and sweeps what no backup needs. */

import { sweepBackups } from '../core/backups/sweep.ts';
import { room, send } from '../core/http.ts';
import { admitPush, openEnvelope } from '../core/push-gate.ts';
import type { Room, Runtime } from '../core/runtime.ts';
import { handleMessage } from './handle-message.ts';
import { recoverTrees } from './recover-trees.ts';

export function backups(runtime: Runtime): Room {
  // Not only when the rollback is asked for again: until then its project may be neither the old one nor the new one.
  void recoverTrees(runtime).catch((error: unknown) => {
    runtime.log.error({ err: error }, 'What a crash has left of rollbacks could not be looked at; the next rollback tries again.');
  });

  return room(runtime, ['documents', 'control', 'objects', 'messages'], (router) => {
    router.post('/pubsub/backups', async (request, response) => {
      await admitPush(runtime, request, '/pubsub/backups');
      await handleMessage(runtime, await openEnvelope(request));
      response.writeHead(204).end();
    });
    router.post('/sweep-backups', async (request, response) => {
      await admitPush(runtime, request, '/sweep-backups');
      const swept = await sweepBackups(runtime);
      if (swept.unreadable.length > 0) {
        const { unreadable } = swept;
        runtime.log.error({ unreadable }, 'Manifests of backups cannot be read: until they can, nothing is removed.');
      }
      send(response, 200, swept);
    });
  });
}
