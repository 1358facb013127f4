/** The keys of callbacks: derived from the secret `webhook-keys`, so that none has to be stored. */

import { hkdfSync } from 'node:crypto';
import { requiredSecret } from './required-secret.ts';
import type { Runtime } from './runtime.ts';

/**
 * The keys that a tenant's callbacks are signed with (`whsec_…`), the one in force first. The secret holds one master, or `new,old`
 * during a rotation: then every callback carries a signature of each. Throws `Problem` 503 `secret_missing`.
 */
export const webhookKeys = (runtime: Pick<Runtime, 'secrets'>, tenant: string): Promise<string[]> =>
  derived(runtime, `heliograph webhook ${tenant}`);

/**
 * The keys by which a flow proves its late answers (`whsec_…`): one for each tenant and intent, so that whoever has it can end the
 * jobs of that intent and no other, and cannot sign callbacks in our name. Throws as `webhookKeys` does.
 */
export const flowKeys = (runtime: Pick<Runtime, 'secrets'>, tenant: string, intent: string): Promise<string[]> =>
  derived(runtime, `heliograph flow ${JSON.stringify([tenant, intent])}`);

async function derived({ secrets }: Pick<Runtime, 'secrets'>, purpose: string): Promise<string[]> {
  const masters = (await requiredSecret(secrets, 'webhook-keys')).split(',').filter(Boolean);
  return masters
    .slice(0, 2)
    .map((master) => `whsec_${Buffer.from(hkdfSync('sha256', master, '', purpose, 32)).toString('base64')}`);
}
