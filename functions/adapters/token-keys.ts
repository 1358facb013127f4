/** An issuer's public keys, from its JWKS address (RFC 7517). */

import type { CryptoKey, JWK } from 'jose';
import type { Clock } from '../core/ports.ts';
import type { TokenKeys } from '../core/push.ts';
import { type FetchJson, fetchJsonLimited } from './fetch-json.ts';

const COOLDOWN_MS = 30_000;
/** While there is no key at all, nobody can be let in: try again sooner. */
const EMPTY_COOLDOWN_MS = 1_000;
const MINIMUM_AGE_SECONDS = 300;
const MAXIMUM_AGE_SECONDS = 86_400;

/**
 * Fetches the keys when they are first needed, and again when they are too old or an unknown one is asked for: at most every
 * 30 s, all callers sharing one fetch. While the address fails, the last keys stay in use. `key` rejects while there are none.
 */
export function remoteTokenKeys(options: { url: string; clock: Clock; fetchJson?: FetchJson }): TokenKeys {
  const { url, clock, fetchJson = fetchJsonLimited } = options;
  let keys = new Map<string, KnownKey>();
  let freshUntil = 0;
  let failure: unknown;
  let nextFetchAt = 0;
  let fetching: Promise<void> | undefined;

  async function fetchKeys(): Promise<void> {
    try {
      const { json, maxAgeSeconds } = await fetchJson(url);
      keys = await importKeys(json, keys);
      freshUntil = clock.now() + Math.min(Math.max(maxAgeSeconds, MINIMUM_AGE_SECONDS), MAXIMUM_AGE_SECONDS) * 1000;
      failure = undefined;
    } catch (error) {
      failure = error;
    }
    nextFetchAt = clock.now() + (keys.size === 0 ? EMPTY_COOLDOWN_MS : COOLDOWN_MS);
    fetching = undefined;
  }

  function refresh(): Promise<void> {
    if (fetching === undefined && clock.now() >= nextFetchAt) fetching = fetchKeys();
    return fetching ?? Promise.resolve();
  }

  return {
    async key(kid) {
      if (clock.now() >= freshUntil) {
        const refreshed = refresh();
        // An address that failed is asked again in the background: its silence must not hold up every caller.
        if (failure === undefined || !keys.has(kid)) await refreshed;
      }
      if (!keys.has(kid)) await refresh();
      if (keys.size === 0) throw failure;
      return keys.get(kid)?.key;
    },
  };
}

interface KnownKey {
  readonly modulus: string;
  readonly key: CryptoKey;
}

/** The RS256 keys of a JWKS by id. A key that was known before stays the same object, so that what depends on it stays valid. */
async function importKeys(json: unknown, known: ReadonlyMap<string, KnownKey>): Promise<Map<string, KnownKey>> {
  const listed = (json as { keys?: unknown } | null)?.keys;
  if (!Array.isArray(listed)) throw new Error('The answer is not a JSON Web Key Set.');
  const { importJWK } = await import('jose');
  const keys = new Map<string, KnownKey>();
  for (const jwk of listed.slice(0, 100).filter(isSigningKey)) {
    const before = known.get(jwk.kid);
    keys.set(
      jwk.kid,
      before?.modulus === jwk.n
        ? before
        : { modulus: jwk.n, key: (await importJWK({ kty: 'RSA', n: jwk.n, e: jwk.e }, 'RS256')) as CryptoKey },
    );
  }
  if (keys.size === 0) throw new Error('The JSON Web Key Set has no RS256 signing key.');
  return keys;
}

/** RSA, 2,048 to 8,192 bits, with the usual exponent: others are either weak or slow enough to be an attack. */
function isSigningKey(value: unknown): value is JWK & { kid: string; n: string; e: string } {
  const { kty, kid, use, alg, n, e } = (value ?? {}) as JWK;
  if (kty !== 'RSA' || (use ?? 'sig') !== 'sig' || (alg ?? 'RS256') !== 'RS256' || e !== 'AQAB') return false;
  return typeof kid === 'string' && typeof n === 'string' && /^[\w-]{342,1366}$/.test(n);
}
