/** Takes a signed token apart, strictly. Nothing here is proven yet: that takes the signature and the rules in `push.ts`. */

import { Buffer } from 'node:buffer';
import { unauthenticated } from './unauthenticated.ts';

/** As Google writes them; seconds since the epoch. The types hold only for a token that passed the rules. */
export interface TokenClaims {
  readonly iss: string;
  readonly aud: string;
  readonly sub: string;
  readonly email: string;
  readonly email_verified: boolean;
  readonly iat: number;
  readonly exp: number;
  readonly nbf?: number;
}

/** Google's tokens have 800 to 2,000 characters. */
const MAXIMUM_LENGTH = 8192;

/** Source: Cloud Run, "Troubleshoot issues", JWT signature. */
const REMOVED_SIGNATURE = '.SIGNATURE_REMOVED_BY_GOOGLE';

/** Parameters that would let a token choose its own key or its own reading. */
const REFUSED_PARAMETERS = ['crit', 'b64', 'zip', 'enc', 'cty', 'jwk', 'jku', 'x5u', 'x5c'] as const;

/**
 * The key id and the claims of a compact JWS with `alg` RS256. Refuses (401) what lenient readers take for the same token or
 * for another one: padding, stray characters and bits, bad UTF-8, repeated member names.
 */
export function decodeToken(token: string): { kid: string; claims: TokenClaims } {
  if (token.length > MAXIMUM_LENGTH) throw unauthenticated('token too long');
  if (!/^[\w-]+\.[\w-]+\.[\w-]+$/.test(token)) throw unauthenticated('token form');
  const [header, payload, signature] = token.split('.') as [string, string, string];
  if (decodePart(signature).length === 0) throw unauthenticated('token form');
  return decodeSigned(header, payload);
}

/** Whether Cloud Run took the signature off this token, as it does once it has checked it: nobody can present it a second time. */
export function isCheckedToken(token: string): boolean {
  return token.endsWith(REMOVED_SIGNATURE);
}

/** The same of a token whose signature was checked and removed. */
export function decodeCheckedToken(token: string): { kid: string; claims: TokenClaims } {
  if (token.length > MAXIMUM_LENGTH) throw unauthenticated('token too long');
  const parts = token.slice(0, -REMOVED_SIGNATURE.length);
  if (!isCheckedToken(token) || !/^[\w-]+\.[\w-]+$/.test(parts)) throw unauthenticated('token form');
  const [header, payload] = parts.split('.') as [string, string];
  return decodeSigned(header, payload);
}

function decodeSigned(header: string, payload: string): { kid: string; claims: TokenClaims } {
  const { alg, kid, typ, ...others } = parseObject(decodePart(header));
  if (alg !== 'RS256') throw unauthenticated('algorithm');
  if (typeof kid !== 'string' || kid.length === 0 || kid.length > 256) throw unauthenticated('key id');
  if (typ !== undefined && (typeof typ !== 'string' || typ.toUpperCase() !== 'JWT')) throw unauthenticated('token type');
  if (REFUSED_PARAMETERS.some((name) => Object.hasOwn(others, name))) throw unauthenticated('header parameter');
  return { kid, claims: parseObject(decodePart(payload)) as unknown as TokenClaims };
}

/** Buffer skips what is not base64url, so only the text that encodes to itself is taken (RFC 4648, section 3.5). */
function decodePart(part: string): Buffer {
  const bytes = Buffer.from(part, 'base64url');
  if (bytes.toString('base64url') !== part) throw unauthenticated('token form');
  return bytes;
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

function parseObject(bytes: Buffer): Record<string, unknown> {
  let text: string;
  let value: unknown;
  try {
    text = utf8.decode(bytes);
    value = JSON.parse(text);
  } catch {
    throw unauthenticated('token content');
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value) || repeatsName(text))
    throw unauthenticated('token content');
  return value as Record<string, unknown>;
}

/** Whether an object anywhere in valid JSON text has one member name twice (RFC 7519, section 4: reject, or the last one counts). */
function repeatsName(json: string): boolean {
  const open: Set<string>[] = [];
  for (const [piece, , name] of json.matchAll(/[{}]|("(?:[^"\\]|\\.)*")(\s*:)?/g)) {
    if (piece === '{') open.push(new Set());
    else if (piece === '}') open.pop();
    else if (name !== undefined) {
      const key = JSON.parse(piece.slice(0, -name.length)) as string;
      const names = open.at(-1);
      if (names?.has(key)) return true;
      names?.add(key);
    }
  }
  return false;
}
