/**
 * The ID tokens of a simulated world. Verifying a signature runs on the thread pool, whose order nothing decides; a token that
 * was verified once is remembered by its key set, so every token is verified before the first world begins.
 */

import { createPublicKey, generateKeyPairSync, sign, webcrypto } from 'node:crypto';
import { accountEmail, functionUrl, pushAccountEmail } from '../../functions/core/addresses.ts';
import { type TokenKeys, verifyIdToken } from '../../functions/core/push.ts';
import type { Settings } from '../../functions/core/settings.ts';
import { topology } from '../../functions/topology.ts';

export interface Tokens {
  readonly keys: TokenKeys;
  /** A token that is good at `atMs`. */
  token(email: string, audience: string, atMs: number): string;
}

const SLOT_MS = 2_400_000;
const LIFETIME_SECONDS = 3_600;

/** Tokens of every caller for every function that it calls, for a world that begins at `start` and lasts `ms`. */
export async function verifiedTokens(settings: Settings, start: number, ms: number): Promise<Tokens> {
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const jwk = createPublicKey(privateKey).export({ format: 'jwk' });
  const algorithm = { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256' };
  const key = await webcrypto.subtle.importKey('jwk', jwk, algorithm, true, ['verify']);
  const keys: TokenKeys = { key: async () => key };
  const tokens = new Map<string, string>();
  const nameOf = (email: string, audience: string, slot: number) => `${email} ${audience} ${slot}`;

  for (let slot = 0; slot <= ms / SLOT_MS; slot++) {
    const iat = Math.floor((start + slot * SLOT_MS) / 1000) - 60;
    for (const [email, audience] of callers(settings)) {
      const claims = {
        iss: settings.oidc.issuer,
        aud: audience,
        sub: email,
        email,
        email_verified: true,
        iat,
        exp: iat + LIFETIME_SECONDS,
      };
      const text = [{ alg: 'RS256', kid: 'simulation' }, claims]
        .map((part) => encoded(Buffer.from(JSON.stringify(part))))
        .join('.');
      const token = `${text}.${encoded(sign('sha256', Buffer.from(text), privateKey))}`;
      await verifyIdToken(token, { issuer: settings.oidc.issuer, audience }, keys, iat * 1000 + 1000);
      tokens.set(nameOf(email, audience, slot), token);
    }
  }
  return {
    keys,
    token(email, audience, atMs) {
      // Nobody verifies what goes to agents and receivers.
      return tokens.get(nameOf(email, audience, Math.floor((atMs - start) / SLOT_MS))) ?? 'for-somebody-else';
    },
  };
}

const encoded = (bytes: Buffer): string => bytes.toString('base64url');

function callers(settings: Settings): [email: string, audience: string][] {
  const names = Object.keys(topology.functions);
  const agents = ['agent-light', 'codex'];
  return [
    ...names.map((name): [string, string] => [pushAccountEmail(settings), functionUrl(settings, name)]),
    ...agents.map((name): [string, string] => [accountEmail(settings, 'dispatch'), functionUrl(settings, name)]),
    [accountEmail(settings, 'codex'), functionUrl(settings, 'dispatch')],
  ];
}
