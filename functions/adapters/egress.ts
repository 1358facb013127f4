/** The only way out of the functions: https to public addresses, checked again on each address that is connected to. */

import { isIP, type LookupFunction } from 'node:net';
import type { Agent } from 'undici';
import type { Egress } from '../core/ports.ts';
import { isWithin, type Reach } from './egress-addresses.ts';
import { exchange, type OpenReply, type OpenRequest, opened, within } from './egress-exchange.ts';
import { type Resolve, systemNames } from './egress-names.ts';
import { denied, type EgressRules, parseTarget } from './egress-target.ts';
import { buildConnector, newAgent } from './undici-agent.ts';

const CHECK_LIMIT_MS = 5_000;
const CONNECT_LIMIT_MS = 10_000;
const IDLE_MS = 10_000;
const CONNECTIONS_PER_ORIGIN = 64;

/** An egress for what is written and read bit by bit. */
export interface StreamingEgress extends Egress {
  /** As `request`, but that `timeoutMs` ends with the beginning of the reply; what comes after ends with the request's signal. */
  open(request: OpenRequest): Promise<OpenReply>;
}

/**
 * An `Egress` over undici. `resolve` replaces the system's names.
 *
 * Codes: `egress_denied` 422 (nothing was sent), `egress_timeout` 504, `egress_too_large` 502, `egress_failed` 502 (no or no whole
 * reply). When the request's own `signal` aborts, its reason is thrown.
 */
export function guardedEgress(options: EgressRules & { readonly resolve?: Resolve }): StreamingEgress {
  const { resolve = systemNames(), ...rules } = options;
  // One pool per reach: a connection that one caller was allowed to make must not serve another who was not.
  const pools: Readonly<Record<Reach, Agent>> = {
    public: pool('public', resolve),
    private: pool('private', resolve),
    loopback: pool('loopback', resolve),
  };

  return {
    async check(url, trust) {
      const { host, reach } = parseTarget(url, trust, rules);
      await within(CHECK_LIMIT_MS, undefined, () => resolveWithin(host, reach, resolve));
    },
    async request(request) {
      const { url, reach } = parseTarget(request.url, request.trust, rules);
      return within(request.timeoutMs, request.signal, (signal) => exchange(pools[reach], url, request, signal));
    },
    async open(request) {
      const { url, reach } = parseTarget(request.url, request.trust, rules);
      return within(request.timeoutMs, request.signal, (starting) => {
        const signal = request.signal === undefined ? starting : AbortSignal.any([starting, request.signal]);
        return opened(pools[reach], url, request, signal);
      });
    },
    async close() {
      await Promise.all(Object.values(pools).map((agent) => agent.destroy()));
    },
  };
}

function pool(reach: Reach, resolve: Resolve): Agent {
  const lookup: LookupFunction = (host, options, callback) => {
    resolveWithin(host, reach, resolve).then(
      (addresses) => {
        const found = addresses.map((address) => ({ address, family: isIP(address) }));
        if (options.all) callback(null, found);
        else callback(null, found[0]?.address ?? '', found[0]?.family);
      },
      (error) => callback(error, ''),
    );
  };
  const connect = buildConnector({ lookup, allowH2: false, timeout: CONNECT_LIMIT_MS, rejectUnauthorized: true });
  return newAgent({
    connections: CONNECTIONS_PER_ORIGIN,
    keepAliveTimeout: IDLE_MS,
    headersTimeout: 0,
    bodyTimeout: 0,
    // `lookup` is not called for a host that is an address.
    connect: (target, callback) => {
      const host = target.hostname.replace(/^\[|\]$/g, '');
      if (isIP(host) !== 0 && !isWithin(host, reach)) callback(denied('its address is not public'), null);
      else connect(target, callback);
    },
  });
}

/** The addresses of a host, every one of them within reach. One that is not condemns the name: honest names do not mix. */
async function resolveWithin(host: string, reach: Reach, resolve: Resolve): Promise<readonly string[]> {
  if (isIP(host) !== 0) return [host];
  if (reach === 'loopback') return ['127.0.0.1', '::1'];
  const addresses = await resolve(host, reach);
  if (addresses.length === 0 || !addresses.every((address) => isWithin(address, reach))) {
    throw denied('its host does not resolve to public addresses');
  }
  return addresses;
}
