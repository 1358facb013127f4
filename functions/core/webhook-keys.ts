/** The keys that callbacks are signed with: derived per tenant from the secret `webhook-keys`, so that none has to be stored. */

import { hkdfSync } from 'node:crypto';
import { requiredSecret } from './required-secret.ts';
import type { Runtime } from './runtime.ts';

/**
 * A tenant's keys (`whsec_…`), the one in force first. The secret holds one master, or `new,old` during a rotation: then
 * every callback carries a signature of each. Throws `Problem` 503 `secret_missing`.
 */
export async function webhookKeys(runtime: Pick<Runtime, 'secrets'>, tenant: string): Promise<string[]> {
  const masters = (await requiredSecret(runtime.secrets, 'webhook-keys')).split(',').filter(Boolean);
  return masters
    .slice(0, 2)
    .map((master) => `whsec_${Buffer.from(hkdfSync('sha256', master, '', `heliograph webhook ${tenant}`, 32)).toString('base64')}`);
}
