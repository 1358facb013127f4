/** `results`: closes tasks with the outcomes that agents publish. */

import { room } from '../core/http.ts';
import { admitPush, openEnvelope } from '../core/push-gate.ts';
import { recordResult } from '../core/record-result.ts';
import type { Room, Runtime } from '../core/runtime.ts';

export function results(runtime: Runtime): Room {
  return room(runtime, ['documents', 'messages'], (router) => {
    router.post('/pubsub/results', async (request, response) => {
      await admitPush(runtime, request, '/pubsub/results');
      await recordResult(runtime, await openEnvelope(request));
      response.writeHead(204).end();
    });
  });
}
