/** Which network addresses may be connected to. */

import { BlockList, isIPv4, isIPv6 } from 'node:net';
import { AntiSSRFPolicy, IPAddressRanges, PolicyConfigOptions } from '@microsoft/antissrf';

/** `public` addresses alone, those and `private` networks, or `loopback` alone. */
export type Reach = 'public' | 'private' | 'loopback';

/**
 * Whether `address` (as a resolver or `URL` writes it) is within `reach`. Link-local addresses, where clouds keep their metadata
 * servers, are within none; neither is anything that carries an IPv4 address inside an IPv6 one.
 */
export function isWithin(address: string, reach: Reach): boolean {
  const family = isIPv4(address) ? 'ipv4' : 'ipv6';
  if (family === 'ipv6' && (!isIPv6(address) || address.includes('%') || mapped.check(address, family))) return false;
  if (metadata.check(address, family)) return false;
  if (ALLOWED[reach].check(address, family)) return true;
  return reach !== 'loopback' && (family === 'ipv4' ? isPublic4(address) : isPublic6(address));
}

const denied = new AntiSSRFPolicy(PolicyConfigOptions.ExternalOnlyLatest).deniedAddresses;

const isPublic4 = (address: string): boolean => !denied.check(`::ffff:${address}`, 'ipv6');

/** Global unicast is 2000::/3 so far (RFC 4291): what lies outside is mapped, compatible, translated, local or unassigned. */
const isPublic6 = (address: string): boolean => global6.check(address, 'ipv6') && !denied.check(address, 'ipv6');

const global6 = blockList(['2000::/3']);
const mapped = blockList(['::ffff:0:0/96']);

/** Metadata servers of Google, Amazon and Alibaba within networks that operators may otherwise allow. */
const metadata = blockList(['fd20:ce::254/128', 'fd00:ec2::254/128', '100.100.100.200/32']);

const ALLOWED: Readonly<Record<Reach, BlockList>> = {
  public: new BlockList(),
  loopback: blockList(IPAddressRanges.loopback),
  private: blockList([
    ...IPAddressRanges.loopback,
    ...IPAddressRanges.privateUse,
    ...IPAddressRanges.sharedAddressSpace,
    ...IPAddressRanges.uniqueLocal,
  ]),
};

function blockList(networks: readonly string[]): BlockList {
  const list = new BlockList();
  for (const network of networks) {
    const [address, prefix] = network.split('/') as [string, string];
    list.addSubnet(address, Number(prefix), isIPv4(address) ? 'ipv4' : 'ipv6');
  }
  return list;
}
