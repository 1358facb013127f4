/**
 * Who is calling: an API key, a Google-signed ID token, or, on loopback in an open local runtime, anyone on this machine.
 */

import { createHash, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { functionUrl } from './addresses.ts';
import { Problem } from './errors.ts';
import { bearerToken, verifyIdToken } from './push.ts';
import { rateLimiter } from './rate-limit.ts';
import type { Runtime } from './runtime.ts';

export type Scope = 'dispatch' | 'read' | 'admin' | 'dangerous';

export interface Caller {
  readonly tenant: string;
  readonly scopes: readonly Scope[];
  /** For the timeline: the key's id, the e-mail, or `local`. */
  readonly name: string;
}

type Gate = Pick<Runtime, 'settings' | 'control' | 'clock' | 'tokenKeys' | 'name'>;

/** Whoever asks an open runtime. */
const LOCAL = 'local';
const KEY_PATTERN = /^hg\.([a-z0-9]{16})\.([A-Za-z0-9_-]{43})$/;
const KEY_CACHE_MS = 10_000;
const MAX_CACHED_KEYS = 1_000;

/** Makes the check of one function: `(request, scope) → caller`. Throws `Problem` 401 `unauthenticated`, 403 `forbidden`, 429 `rate_limited`. */
export function authenticator(runtime: Gate): (request: IncomingMessage, scope: Scope) => Promise<Caller> {
  const keys = keyLookup(runtime);
  const limit = rateLimiter(runtime);
  return async (request, scope) => {
    const caller = await identify(runtime, keys, request);
    // Who is on this machine in an open runtime has no credentials to limit.
    if (caller.name !== LOCAL) limit(`${caller.tenant} ${caller.name}`);
    if (!caller.scopes.includes(scope) && !caller.scopes.includes('admin')) {
      throw new Problem(403, 'forbidden', `These credentials lack the scope '${scope}'.`);
    }
    return caller;
  };
}

async function identify(runtime: Gate, keys: KeyLookup, request: IncomingMessage): Promise<Caller> {
  const headerKey = request.headers['x-api-key'];
  const bearer = request.headers.authorization === undefined ? undefined : bearerToken(request.headersDistinct);
  const key = typeof headerKey === 'string' ? headerKey : bearer?.startsWith('hg.') ? bearer : undefined;
  if (key !== undefined) return keys(key);
  if (bearer !== undefined) return byToken(runtime, bearer);
  if (runtime.settings.auth === 'open' && isLocalRequest(request))
    return { tenant: 'default', scopes: ['dispatch', 'read', 'admin', 'dangerous'], name: LOCAL };
  throw new Problem(
    401,
    'unauthenticated',
    "Send an API key in 'X-API-Key' or 'Authorization: Bearer', or a Google-signed ID token.",
  );
}

/**
 * An open runtime answers this machine alone, and not the web pages open on it: a page's request names its origin, and one
 * that reached us by a rebound name carries that name as its host.
 */
export function isLocalRequest(request: IncomingMessage): boolean {
  const address = request.socket.remoteAddress ?? '';
  const host = (request.headers.host ?? '').replace(/:\d+$/, '');
  const { origin } = request.headers;
  const fetchSite = request.headers['sec-fetch-site'];
  const loopback = hops(request).every(isLoopback) && isLoopback(address) && ['localhost', '127.0.0.1', '[::1]'].includes(host);
  const sameOrigin = origin === undefined || origin === `http://${request.headers.host}`;
  return loopback && sameOrigin && (fetchSite === undefined || fetchSite === 'same-origin' || fetchSite === 'none');
}

const isLoopback = (address: string): boolean => /^(?:::ffff:)?127\.|^::1$/.test(address);

/** Where a request came from before the proxies on its way: a tunnel to this machine says so, and is no caller of this machine. */
function hops(request: IncomingMessage): string[] {
  const forwarded = String(request.headers['x-forwarded-for'] ?? '').split(',');
  const named = [...String(request.headers.forwarded ?? '').matchAll(/for="?([^;,"]+)/gi)].map(([, address]) => address ?? '');
  return [...forwarded, ...named].map((address) => address.trim().replace(/^\[([^\]]*)\].*$/, '$1')).filter(Boolean);
}

async function byToken(runtime: Gate, token: string): Promise<Caller> {
  const { issuer } = runtime.settings.oidc;
  const audience = functionUrl(runtime.settings, runtime.name);
  const { email } = await verifyIdToken(token, { issuer, audience }, runtime.tokenKeys, runtime.clock.now());
  const client = runtime.settings.clients.find((candidate) => candidate.email === email);
  if (client === undefined)
    throw new Problem(403, 'forbidden', `${email} may not call this Heliograph: it is not among its clients.`);
  return { tenant: client.tenant ?? email, scopes: client.scopes, name: email };
}

type KeyLookup = (key: string) => Promise<Caller>;

/** Keys are looked up by id and compared by hash in constant time; a found one is remembered for ten seconds, absence never. */
function keyLookup(runtime: Gate): KeyLookup {
  const cache = new Map<string, { until: number; hash: Buffer; caller: Caller; expiresAt?: number }>();
  const refused = () => new Problem(401, 'unauthenticated', 'This API key is unknown, expired or revoked.');
  return async (key) => {
    const [, id, secret] = KEY_PATTERN.exec(key) ?? [];
    if (id === undefined || secret === undefined) throw refused();
    const now = runtime.clock.now();
    let entry = cache.get(id);
    if (entry === undefined || entry.until <= now) {
      const stored = await runtime.control.get('keys', id);
      if (stored === undefined || stored.data.revoked === true) {
        cache.delete(id);
        throw refused();
      }
      const { hash, tenant, scopes, expiresAt } = stored.data as {
        hash: string;
        tenant: string;
        scopes: Scope[];
        expiresAt?: number;
      };
      entry = {
        until: now + KEY_CACHE_MS,
        hash: Buffer.from(hash, 'hex'),
        caller: { tenant, scopes, name: `key ${id}` },
        expiresAt,
      };
      if (cache.size >= MAX_CACHED_KEYS) cache.clear();
      cache.set(id, entry);
    }
    if (!timingSafeEqual(hashOf(secret), entry.hash) || (entry.expiresAt !== undefined && entry.expiresAt <= now)) throw refused();
    return entry.caller;
  };
}

const hashOf = (secret: string): Buffer => createHash('sha256').update(secret).digest();

/** A new API key and the record to keep of it: the key itself is shown once and stored nowhere. */
export function newApiKey(
  random: (bytes: number) => string,
  owner: { tenant: string; scopes: readonly Scope[]; expiresAt?: number; createdAt: number },
) {
  const id = random(8);
  const secret = Buffer.from(random(32), 'hex').toString('base64url');
  return { key: `hg.${id}.${secret}`, id, record: { hash: hashOf(secret).toString('hex'), ...owner } };
}
