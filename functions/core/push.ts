/**
 * Who is calling: verifies the Google-signed (locally: bridge-signed) OIDC token of a push or of a client.
 *
 * Sources: RFC 7515 (JWS), RFC 7519 (JWT), RFC 8725 (best practices), and Pub/Sub's "Authentication for push subscriptions".
 */

import type { CryptoKey } from 'jose';
import { decodeCheckedToken, decodeToken, type TokenClaims } from './compact-token.ts';
import { Problem } from './errors.ts';
import { unauthenticated } from './unauthenticated.ts';

/** The issuer's public keys. `key` gives none for an id that the issuer does not have, and rejects when its keys cannot be had. */
export interface TokenKeys {
  key(kid: string): Promise<CryptoKey | undefined>;
}

/** What a token must say, each compared as it stands. Without `emails` any verified e-mail will do. */
export interface ExpectedToken {
  readonly issuer: string;
  readonly audience: string;
  readonly emails?: readonly string[];
}

/** The proven caller. Times are milliseconds since the epoch. */
export interface VerifiedToken {
  readonly email: string;
  readonly subject: string;
  readonly issuedAt: number;
  readonly expiresAt: number;
}

const SKEW_SECONDS = 30;
const LIFETIME_SECONDS = 3600;
const REMEMBERED_TOKENS = 500;

/**
 * Verifies one token against `expected` at `nowMs`.
 *
 * Throws `Problem` 401 `unauthenticated`, whose message names the rule in brackets (`[audience]`) and never repeats the token,
 * or 503 `keys_unavailable`. Pub/Sub presents one token for up to an hour, so the signatures of the last tokens that were good
 * are remembered per key set, by the token's whole text; every other rule is applied each time, and the signature again as soon
 * as its key is no longer the issuer's.
 */
export async function verifyIdToken(
  token: string,
  expected: ExpectedToken,
  keys: TokenKeys,
  nowMs: number,
): Promise<VerifiedToken> {
  const remembered = rememberedOf(keys);
  const known = remembered.get(token);
  const { kid, claims } = known ?? decodeToken(token);
  applyRules(claims, expected, nowMs);
  const key = await keyOf(keys, kid);
  if (known?.key !== key) {
    await verifySignature(token, key);
    remember(remembered, token, { kid, claims, key });
  }
  return verified(claims);
}

/**
 * Verifies a token whose signature the platform has checked and removed, against the same rules. Only for a function that IAM
 * guards: anybody can write such a token, and IAM alone keeps theirs out. Throws `Problem` 401 `unauthenticated`.
 */
export function verifyCheckedToken(token: string, expected: ExpectedToken, nowMs: number): VerifiedToken {
  const { claims } = decodeCheckedToken(token);
  applyRules(claims, expected, nowMs);
  return verified(claims);
}

/**
 * The token of a request's one `Authorization: Bearer` header (RFC 6750, section 2.1). Takes Node's `request.headersDistinct`:
 * `request.headers` hides a second Authorization header. Throws `Problem` 401 `unauthenticated`.
 */
export function bearerToken(headers: Readonly<Record<string, readonly string[] | undefined>>): string {
  const values = headers.authorization ?? [];
  if (values.length === 0) throw unauthenticated('no credentials');
  const match = values.length === 1 ? /^bearer ([\x21-\x7e]+)$/i.exec(values[0] as string) : null;
  if (match === null) throw unauthenticated('authorization header');
  return match[1] as string;
}

type Rule = readonly [name: string, holds: (claims: TokenClaims, expected: ExpectedToken, now: number) => boolean];

const isTime = (value: unknown): boolean => Number.isSafeInteger(value) && (value as number) > 0;

/** Claims come from JSON: nothing about their types is certain before its rule has run. */
const CLAIM_RULES: readonly Rule[] = [
  ['issuer', (claims, expected) => claims.iss === expected.issuer],
  ['audience', (claims, expected) => claims.aud === expected.audience],
  ['email', ({ email }) => typeof email === 'string' && /^[\x21-\x3f\x41-\x7e]{1,64}@[a-z0-9.-]{1,255}$/i.test(email)],
  ['email', ({ email }, { emails }) => emails === undefined || emails.includes(email)],
  ['email_verified', (claims) => claims.email_verified === true],
  ['subject', ({ sub }) => typeof sub === 'string' && sub.length > 0 && sub.length <= 255],
  ['issued at', ({ iat }, _, now) => isTime(iat) && iat <= now + SKEW_SECONDS],
  ['expired', ({ exp }, _, now) => isTime(exp) && exp > now - SKEW_SECONDS],
  ['lifetime', ({ iat, exp }) => exp > iat && exp - iat <= LIFETIME_SECONDS],
  ['not before', ({ nbf }, _, now) => nbf === undefined || (isTime(nbf) && nbf <= now + SKEW_SECONDS)],
];

function applyRules(claims: TokenClaims, expected: ExpectedToken, nowMs: number): void {
  const broken = CLAIM_RULES.find(([, holds]) => !holds(claims, expected, nowMs / 1000));
  if (broken !== undefined) throw unauthenticated(broken[0]);
}

function verified({ email, sub, iat, exp }: TokenClaims): VerifiedToken {
  return { email, subject: sub, issuedAt: iat * 1000, expiresAt: exp * 1000 };
}

async function keyOf(keys: TokenKeys, kid: string): Promise<CryptoKey> {
  let key: CryptoKey | undefined;
  try {
    key = await keys.key(kid);
  } catch (cause) {
    throw new Problem(503, 'keys_unavailable', 'The keys that callers are verified with cannot be had right now.', {
      cause,
      retryAfterSeconds: 1,
    });
  }
  if (key === undefined) throw unauthenticated('unknown key');
  return key;
}

/** The library is loaded with the first signature: not every call brings one, and those that do bring one alike for an hour. */
async function verifySignature(token: string, key: CryptoKey): Promise<void> {
  const { compactVerify } = await import('jose');
  try {
    await compactVerify(token, key, { algorithms: ['RS256'] });
  } catch {
    throw unauthenticated('signature');
  }
}

interface Remembered {
  readonly kid: string;
  readonly claims: TokenClaims;
  readonly key: CryptoKey;
}

const rememberedByKeys = new WeakMap<TokenKeys, Map<string, Remembered>>();

function rememberedOf(keys: TokenKeys): Map<string, Remembered> {
  const tokens = rememberedByKeys.get(keys) ?? new Map<string, Remembered>();
  if (tokens.size === 0) rememberedByKeys.set(keys, tokens);
  return tokens;
}

/** Only tokens that passed every rule get here, so nobody can push the good ones out with bad ones. The oldest goes first. */
function remember(tokens: Map<string, Remembered>, token: string, entry: Remembered): void {
  tokens.delete(token);
  tokens.set(token, entry);
  if (tokens.size > REMEMBERED_TOKENS) tokens.delete(tokens.keys().next().value as string);
}
