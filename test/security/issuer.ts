/** An issuer for tests: one key, its JWKS, and the keys as `verifyIdToken` wants them. */

import { createPublicKey, generateKeyPairSync, type KeyObject, webcrypto } from 'node:crypto';
import { Problem } from '../../functions/core/errors.ts';
import type { TokenKeys } from '../../functions/core/push.ts';
import type { ForgeryContext } from './forge.ts';

export const ISSUER = 'https://accounts.google.com';
export const AUDIENCE = 'https://heliograph-results-123456789012.us-central1.run.app/pubsub/results';
export const EMAIL = 'heliograph-push@heliograph-local.iam.gserviceaccount.com';
export const NOW = Date.UTC(2026, 10, 21, 12);

export const newPrivateKey = (): KeyObject => generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey;

export function contextOf(kid: string, privateKey: KeyObject): ForgeryContext {
  return { issuer: ISSUER, audience: AUDIENCE, email: EMAIL, kid, privateKey, nowMs: NOW };
}

export const jwkOf = ({ kid, privateKey }: ForgeryContext) => ({
  ...createPublicKey(privateKey).export({ format: 'jwk' }),
  kid,
  use: 'sig',
  alg: 'RS256',
});

/** Keys in memory; `set` may be changed by the test. */
export async function memoryKeys(...contexts: ForgeryContext[]): Promise<TokenKeys & { set: Map<string, webcrypto.CryptoKey> }> {
  const set = new Map<string, webcrypto.CryptoKey>();
  for (const context of contexts) {
    const algorithm = { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256' };
    set.set(context.kid, await webcrypto.subtle.importKey('jwk', jwkOf(context), algorithm, true, ['verify']));
  }
  return { set, key: async (kid) => set.get(kid) };
}

export const isRefused = (error: unknown): boolean =>
  error instanceof Problem && error.status === 401 && error.code === 'unauthenticated';
