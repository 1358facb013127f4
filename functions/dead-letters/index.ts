/** `dead-letters`: what Pub/Sub gave up on is put back under the document's rule. The document decides death, never Pub/Sub. */

import { room } from '../core/http.ts';
import { admitPush, type Incoming, openEnvelope } from '../core/push-gate.ts';
import { recordResult } from '../core/record-result.ts';
import type { Room, Runtime } from '../core/runtime.ts';
import { buryCallback } from './bury-callback.ts';
import { noteBackup } from './note-backup.ts';
import { reviveTask } from './revive-task.ts';

export function deadLetters(runtime: Runtime): Room {
  return room(runtime, ['documents', 'messages'], (router) => {
    const on = (path: string, put: (runtime: Runtime, incoming: Incoming) => Promise<void>) =>
      router.post(path, async (request, response) => {
        await admitPush(runtime, request, path);
        await put(runtime, await openEnvelope(request));
        response.writeHead(204).end();
      });
    on('/pubsub/dead-tasks', reviveTask);
    on('/pubsub/dead-results', recordResult);
    on('/pubsub/dead-callbacks', buryCallback);
    on('/pubsub/dead-backups', noteBackup);
  });
}
