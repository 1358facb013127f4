/** Who gets the callbacks: receivers that take them, fail for a while, or are gone. */

import type { JsonObject } from '../../functions/core/task.ts';
import { verifyWebhook } from '../../functions/core/webhook.ts';
import { webhookKeys } from '../../functions/core/webhook-keys.ts';
import type { Network } from './network.ts';
import { SECRETS } from './ports.ts';
import type { World } from './world.ts';

const ORIGIN = 'https://receiver.example';

export const callbackUrl = (tenant: string, callback: string): string => `${ORIGIN}/${tenant}/${callback}`;

/** The keys of the tenants: the same in every world. */
export async function receiverKeys(): Promise<Readonly<Record<string, readonly string[]>>> {
  const secrets = { read: async (name: string) => SECRETS[name], write: async () => {} };
  const entries = ['red', 'blue', 'default'].map(async (tenant) => [tenant, await webhookKeys({ secrets }, tenant)] as const);
  return Object.fromEntries(await Promise.all(entries));
}

export function startReceivers(world: World, network: Network, keys: Readonly<Record<string, readonly string[]>>): void {
  const { oracle, chance, story, schedule } = world;
  network.serve(ORIGIN, (call, answered) => {
    const [, tenant = '', callback = ''] = call.path.split('/');
    const body = Buffer.from(call.body ?? '');
    const id = verifyWebhook(call.headers, body, keys[tenant] ?? [], schedule.now());
    const isFailing = callback === 'dead' || (callback === 'flaky' && chance.happens(0.6));
    const status = isFailing ? 500 : callback === 'gone' ? 410 : 204;
    story.tell('receiver', () => `gets the callback ${id} and answers ${status}`);
    oracle.received.push({ id, view: JSON.parse(body.toString()) as JsonObject, status });
    answered({ status, headers: {}, body: '' });
  });
}
