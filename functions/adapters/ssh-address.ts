import { isIP } from 'node:net';
import { isWithin } from './egress-addresses.ts';
import type { Resolve } from './egress-names.ts';
import { denied } from './egress-target.ts';

/**
 * The addresses of an operator's host, resolved once: public ones or those of private networks, on loopback only where that is
 * allowed. One that is not condemns the name. Throws `Problem` 422 `egress_denied`.
 */
export async function judgedAddresses(
  host: string,
  { allowLoopback, resolve }: { readonly allowLoopback: boolean; readonly resolve: Resolve },
): Promise<readonly string[]> {
  const addresses =
    isIP(host) !== 0
      ? [host]
      : await resolve(host, 'private').catch(() => {
          throw denied('its host has no address');
        });
  const isAllowed = (address: string) => isWithin(address, 'private') && (allowLoopback || !isWithin(address, 'loopback'));
  if (addresses.length === 0 || !addresses.every(isAllowed)) {
    throw denied(`it may not be on ${allowLoopback ? '' : 'loopback or '}link-local networks, nor a metadata server`);
  }
  return addresses;
}
