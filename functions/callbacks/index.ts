/** `callbacks`: the only caller of `callbackUrl`s. */

import { room } from '../core/http.ts';
import { admitPush, openEnvelope } from '../core/push-gate.ts';
import type { Room, Runtime } from '../core/runtime.ts';
import { deliver } from './deliver.ts';

export function callbacks(runtime: Runtime): Room {
  return room(runtime, ['documents', 'egress'], (router) => {
    router.post('/pubsub/callbacks', async (request, response) => {
      await admitPush(runtime, request, '/pubsub/callbacks');
      await deliver(runtime, (await openEnvelope(request)).message);
      response.writeHead(204).end();
    });
  });
}
