/** A receiver of callbacks, as a user would write it: verifies each body with the library of Standard Webhooks. */

import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Webhook } from 'standardwebhooks';
import type { TaskView } from './client.ts';

/** One request to the listener: its `webhook-id`, and the task view where the signature is right. */
export interface Received {
  readonly webhookId: string;
  readonly verified?: TaskView;
}

export interface CallbackListener {
  readonly url: string;
  readonly received: readonly Received[];
  close(): Promise<void>;
}

/** Listens on a free loopback port. `keys` gives the keys of `GET /callbacks/key`; a bad signature is answered with 401. */
export async function listenForCallbacks(keys: () => Promise<readonly string[]>): Promise<CallbackListener> {
  const received: Received[] = [];
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const headers = request.headers as Record<string, string>;
    const verified = verify(Buffer.concat(chunks).toString(), headers, await keys());
    received.push({ webhookId: String(headers['webhook-id']), verified });
    response.writeHead(verified === undefined ? 401 : 204).end();
  });
  await new Promise<void>((resolve, reject) => server.once('error', reject).listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/done`,
    received,
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** How many of `tasks` were told of: verified, as they ended, under one id however often it was tried. */
export function toldOf(tasks: readonly TaskView[], received: readonly Received[]): number {
  return tasks.filter(({ id, status }) => {
    const mine = received.filter(({ verified }) => verified?.id === id);
    return mine.length > 0 && mine.every((one) => one.verified?.status === status && one.webhookId === mine[0]?.webhookId);
  }).length;
}

function verify(body: string, headers: Record<string, string>, keys: readonly string[]): TaskView | undefined {
  for (const key of keys) {
    try {
      return new Webhook(key).verify(body, headers) as TaskView;
    } catch {
      // Another key may fit: during a rotation there are two.
    }
  }
  return undefined;
}
