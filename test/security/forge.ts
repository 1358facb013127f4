/** Makes tokens, good ones and any other kind, without the help of a library that would refuse to. */

import { createHmac, createSign, type KeyObject, sign } from 'node:crypto';

/** What the attacked endpoint expects, and the issuer's real key: many forgeries are properly signed and wrong elsewhere. */
export interface ForgeryContext {
  readonly issuer: string;
  readonly audience: string;
  readonly email: string;
  readonly kid: string;
  /** RSA, 2,048 bits. */
  readonly privateKey: KeyObject;
  /** Milliseconds since the epoch. */
  readonly nowMs: number;
}

/** One attack: the token itself, where it is one, and the values of the Authorization headers, unless HTTP cannot carry them. */
export interface Forgery {
  readonly name: string;
  readonly token?: string;
  readonly authorization?: readonly string[];
}

/** JSON text, raw bytes, or what is to become JSON. */
export type Part = string | Buffer | object;

export type Row = readonly [name: string, token: string];

export const encode = (part: Part): string =>
  Buffer.from(typeof part === 'string' || Buffer.isBuffer(part) ? part : JSON.stringify(part)).toString('base64url');

export const goodHeader = ({ kid }: ForgeryContext) => ({ alg: 'RS256', kid, typ: 'JWT' });

export function goodClaims({ issuer, audience, email, nowMs }: ForgeryContext) {
  const now = Math.floor(nowMs / 1000);
  return {
    aud: audience,
    azp: '108000000000000000000',
    email,
    email_verified: true,
    exp: now + 3540,
    iat: now - 60,
    iss: issuer,
    sub: '1080',
  };
}

export const goodToken = (context: ForgeryContext): string => signed(context, {}, {});

/** Signed with the issuer's key; members of `header` and `claims` replace the good ones, `undefined` removes one, text stands alone. */
export function signed(context: ForgeryContext, header: Part, claims: Part, key: KeyObject = context.privateKey): string {
  const input = `${merged(goodHeader(context), header)}.${merged(goodClaims(context), claims)}`;
  return `${input}.${createSign('RSA-SHA256').update(input).sign(key, 'base64url')}`;
}

/** The signing input, closed by whatever `signature` makes of it. */
export function closed(context: ForgeryContext, header: Part, signature: (input: string) => Buffer | string): string {
  const input = `${merged(goodHeader(context), header)}.${merged(goodClaims(context), {})}`;
  return `${input}.${encode(signature(input))}`;
}

export const hmac = (key: string | Buffer) => (input: string) => createHmac('sha256', key).update(input).digest();

export const signedBy =
  (hash: string | null, key: Parameters<typeof sign>[2]) =>
  (input: string): Buffer =>
    sign(hash, Buffer.from(input), key);

function merged(good: object, part: Part): string {
  return encode(typeof part === 'string' || Buffer.isBuffer(part) ? part : { ...good, ...part });
}
