import { functionUrl } from '../core/addresses.ts';
import { checkAddress } from '../core/admission.ts';
import { invalidFields } from '../core/http.ts';
import type { Runtime } from '../core/runtime.ts';
import { topology } from '../topology.ts';

/**
 * Refuses an address that is not public, and one of ours: it would be called with an identity that some of our functions trust.
 * Throws `Problem` 422 that names the field.
 */
export async function checkOutside(runtime: Runtime, field: string, address: string): Promise<void> {
  await checkAddress(runtime, field, address);
  const { settings } = runtime;
  const own = Object.keys(topology.functions).flatMap((name) => [
    functionUrl(settings, name),
    functionUrl({ ...settings, functionUrls: {} }, name),
  ]);
  if (own.some((url) => new URL(url).origin === new URL(address).origin))
    throw invalidFields([{ field, code: 'egress_denied', message: 'is an address of Heliograph itself' }]);
}
