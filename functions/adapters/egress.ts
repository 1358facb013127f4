/** The only way out of the functions: https to public addresses, checked again on each address that is connected to. */

import { lookup as lookupName } from 'node:dns/promises';
import { isIP, type LookupFunction } from 'node:net';
import { Agent, buildConnector, type Dispatcher } from 'undici';
import { Problem } from '../core/errors.ts';
import type { Egress, EgressReply, EgressRequest, Trust } from '../core/ports.ts';
import { isWithin, type Reach } from './egress-addresses.ts';
import { denied, type EgressRules, parseTarget, type Target } from './egress-target.ts';

/** All addresses of a name. Rejects, with the `code` of `node:dns`, when it has none or cannot be resolved. */
export type Resolve = (host: string) => Promise<readonly string[]>;

const CHECK_LIMIT_MS = 5_000;
const CONNECT_LIMIT_MS = 10_000;
const IDLE_MS = 10_000;
const CONNECTIONS_PER_ORIGIN = 64;

/**
 * An `Egress` over undici. `resolve` is the system's resolver unless given.
 *
 * Codes: `egress_denied` 422 (nothing was sent), `egress_timeout` 504, `egress_too_large` 502, `egress_failed` 502 (no or no whole
 * reply). When the request's own `signal` aborts, its reason is thrown.
 */
export function guardedEgress(options: EgressRules & { readonly resolve?: Resolve }): Egress {
  const { resolve = resolveName, ...rules } = options;
  // One pool per reach: a connection that one caller was allowed to make must not serve another who was not.
  const pools: Readonly<Record<Reach, Agent>> = {
    public: pool('public', resolve),
    private: pool('private', resolve),
    loopback: pool('loopback', resolve),
  };

  return {
    async check(url: string, trust: Trust) {
      const { host, reach } = parseTarget(url, trust, rules);
      const limit = AbortSignal.timeout(CHECK_LIMIT_MS);
      await Promise.race([resolveWithin(host, reach, resolve), rejectOn(limit)]).catch((error) => {
        throw problemOf(error, limit);
      });
    },
    async request(request) {
      const target = parseTarget(request.url, request.trust, rules);
      const headers = allowedHeaders(request.headers ?? {});
      request.signal?.throwIfAborted();
      const limit = AbortSignal.timeout(request.timeoutMs);
      const signal = request.signal === undefined ? limit : AbortSignal.any([limit, request.signal]);
      try {
        return await send(pools[target.reach], target, request, headers, signal);
      } catch (error) {
        if (request.signal?.aborted && !limit.aborted) throw request.signal.reason;
        throw problemOf(error, limit);
      }
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
  return new Agent({
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
  const addresses = await resolve(host);
  if (addresses.length === 0 || !addresses.every((address) => isWithin(address, reach))) {
    throw denied('its host does not resolve to public addresses');
  }
  return addresses;
}

async function resolveName(host: string): Promise<string[]> {
  return (await lookupName(host, { all: true })).map(({ address }) => address);
}

async function send(
  agent: Dispatcher,
  { url }: Target,
  { method = 'GET', body, maxBytes }: EgressRequest,
  headers: Record<string, string>,
  signal: AbortSignal,
): Promise<EgressReply> {
  const reply = await agent.request({ origin: url.origin, path: url.pathname + url.search, method, headers, body, signal });
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of reply.body as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > maxBytes) throw new Problem(502, 'egress_too_large', `The reply is longer than ${maxBytes} bytes.`);
    chunks.push(chunk);
  }
  const replyHeaders = Object.entries(reply.headers).map(([name, value]) => [name, [value ?? ''].flat().join(', ')]);
  return { status: reply.statusCode, headers: Object.fromEntries(replyHeaders), body: Buffer.concat(chunks) };
}

/** What frames or routes a request is egress's own to set. */
const OWN_HEADERS = new Set(
  'host connection keep-alive proxy-connection proxy-authorization transfer-encoding content-length te trailer upgrade expect accept-encoding'.split(
    ' ',
  ),
);

function allowedHeaders(headers: Readonly<Record<string, string>>): Record<string, string> {
  const allowed: Record<string, string> = { 'accept-encoding': 'identity' };
  for (const [name, value] of Object.entries(headers)) {
    const lower = name.toLowerCase();
    const known = OWN_HEADERS.has(lower) || Object.hasOwn(allowed, lower);
    if (known || !/^[\w!#$%&'*+.^`|~-]+$/.test(name)) throw denied(`the header ${JSON.stringify(name)} cannot be set`);
    if (!/^[\t\x20-\x7e]*$/.test(value)) throw denied(`the value of the header ${name} has characters that a header does not have`);
    allowed[lower] = value;
  }
  return allowed;
}

function rejectOn(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason), { once: true }));
}

function problemOf(error: unknown, limit: AbortSignal): Problem {
  if (error instanceof Problem) return error;
  if (limit.aborted) return new Problem(504, 'egress_timeout', 'The address did not answer in time.', { cause: error });
  const { code } = error as { code?: string };
  if (code === 'ENOTFOUND' || code === 'ENODATA') return denied('its host has no address');
  return new Problem(502, 'egress_failed', `The address did not answer properly (${code ?? 'unknown'}).`, { cause: error });
}
