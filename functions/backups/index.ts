/** `backups`: takes, verifies and restores backups. */

import { room, send } from '../core/http.ts';
import { admitPush } from '../core/push-gate.ts';
import type { Room, Runtime } from '../core/runtime.ts';

export function backups(runtime: Runtime): Room {
  return room(runtime, ['documents', 'objects', 'messages'], (router) => {
    router.post('/pubsub/backups', async (request, response) => {
      await admitPush(runtime, request, '/pubsub/backups');
      response.writeHead(204).end();
    });
    router.post('/sweep-backups', async (request, response) => {
      await admitPush(runtime, request, '/sweep-backups');
      send(response, 200, {});
    });
  });
}
