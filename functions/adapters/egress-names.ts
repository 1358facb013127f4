/** Names to addresses. */

import { lookup, Resolver } from 'node:dns/promises';
import type { Reach } from './egress-addresses.ts';

/** All addresses of a name. Rejects, with the `code` of `node:dns`, when it has none or cannot be resolved. */
export type Resolve = (host: string, reach: Reach) => Promise<readonly string[]>;

/**
 * The system's resolver for names that operators put on private networks (`/etc/hosts`, a container's neighbours); plain DNS for
 * all others. The former takes one of libuv's four threads per name, which signatures and files need too: names that users
 * choose must not be able to occupy them. `servers` replaces the configured DNS servers.
 */
export function systemNames(servers?: readonly string[]): Resolve {
  const resolver = new Resolver({ timeout: 2_000, tries: 2 });
  if (servers !== undefined) resolver.setServers(servers);
  return async (host, reach) => {
    if (reach === 'private') return (await lookup(host, { all: true })).map(({ address }) => address);
    const [four, six] = await Promise.allSettled([resolver.resolve4(host), resolver.resolve6(host)]);
    const addresses = [four, six].flatMap((answer) => (answer.status === 'fulfilled' ? answer.value : []));
    if (addresses.length === 0 && four.status === 'rejected') throw four.reason;
    return addresses;
  };
}
