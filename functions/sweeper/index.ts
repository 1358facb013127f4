/** `sweeper`: called every minute; finds by `wakeAt` what a crash, a lost message or a passed time limit has left behind. */

import { room, send } from '../core/http.ts';
import { measured } from '../core/measures.ts';
import { admitPush } from '../core/push-gate.ts';
import type { Room, Runtime } from '../core/runtime.ts';
import { sweep } from './sweep.ts';

export function sweeper(runtime: Runtime): Room {
  return room(runtime, ['documents', 'messages', 'control', 'objects'], (router) => {
    router.post('/sweep', async (request, response) => {
      await admitPush(runtime, request, '/sweep');
      const counts = await sweep(runtime);
      measured(() => ({ kind: 'swept', counts }));
      send(response, 200, counts);
    });
  });
}
