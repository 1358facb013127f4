/**
 * Signed bodies, both ways: Standard Webhooks (https://www.standardwebhooks.com, version 1.0.0) and the older `X-Signature`.
 *
 * Everything that is verified is verified over the raw bytes, before anything is parsed.
 */

import { Buffer, isUtf8 } from 'node:buffer';
import { createHmac, timingSafeEqual } from 'node:crypto';
import { Webhook } from 'standardwebhooks';
import { Problem } from './errors.ts';
import { unauthenticated } from './unauthenticated.ts';

/** As Node gives them: lower-case names. */
export type ReceivedHeaders = Readonly<Record<string, string | readonly string[] | undefined>>;

const TOLERANCE_SECONDS = 300;
const MAXIMUM_SIGNATURES = 8;

/**
 * The headers of one webhook attempt. `id` stays the same over all attempts, `atMs` (milliseconds since the epoch) does not.
 * `keys` are base64 of 24 to 64 bytes, with or without `whsec_`: one, or two during a rotation. Throws `Problem` 422
 * `invalid_webhook_key`.
 */
export function signWebhook(webhook: { id: string; atMs: number; body: string; keys: readonly string[] }): Record<string, string> {
  const { id, atMs, body, keys } = webhook;
  if (!/^[\w-]{1,256}$/.test(id)) throw new TypeError('A webhook id is letters, digits, hyphens and underscores.');
  if (keys.length === 0 || keys.length > 2) throw new TypeError('A webhook is signed with one or two keys.');
  return {
    'webhook-id': id,
    'webhook-timestamp': String(Math.floor(atMs / 1000)),
    'webhook-signature': keys.map((key) => webhookOf(key).sign(id, new Date(atMs), body)).join(' '),
  };
}

/**
 * Verifies a Standard Webhook against any of `keys`, and returns its id, by which a replay within the five minutes of tolerance
 * is known. Throws `Problem` 401 `unauthenticated`.
 */
export function verifyWebhook(headers: ReceivedHeaders, rawBody: Buffer, keys: readonly string[], nowMs: number): string {
  const id = only(headers['webhook-id']);
  const timestamp = only(headers['webhook-timestamp']);
  const signatures = only(headers['webhook-signature'])?.split(' ');
  if (id === undefined || !/^[\x21-\x2d\x2f-\x7e]{1,256}$/.test(id)) throw unauthenticated('webhook-id');
  if (timestamp === undefined || !/^[1-9]\d{0,10}$/.test(timestamp)) throw unauthenticated('webhook-timestamp');
  if (signatures === undefined || signatures.length > MAXIMUM_SIGNATURES) throw unauthenticated('webhook-signature');
  if (Math.abs(nowMs / 1000 - Number(timestamp)) > TOLERANCE_SECONDS) throw unauthenticated('webhook-timestamp');
  // The library signs text: bytes that are no UTF-8 would share the signature of their replacement.
  if (!isUtf8(rawBody)) throw unauthenticated('webhook body');

  const at = new Date(Number(timestamp) * 1000);
  const expected = keys.map((key) => webhookOf(key).sign(id, at, rawBody));
  // No early end: every pair is compared, whichever matches.
  const matches = signatures.flatMap((signature) => expected.map((other) => equal(signature, other)));
  if (!matches.includes(true)) throw unauthenticated('webhook-signature');
  return id;
}

/** Verifies `X-Signature`: the lower- or upper-case hexadecimal HMAC-SHA-256 of the body. Throws `Problem` 401 `unauthenticated`. */
export function verifyBodyHmac(signature: string | readonly string[] | undefined, rawBody: Buffer, key: string): void {
  const given = only(signature);
  if (given === undefined || !/^[0-9a-f]{64}$/i.test(given) || key === '') throw unauthenticated('X-Signature');
  const expected = createHmac('sha256', key).update(rawBody).digest('hex');
  if (!equal(given.toLowerCase(), expected)) throw unauthenticated('X-Signature');
}

function webhookOf(key: string): Webhook {
  const base64 = key.replace(/^whsec_/, '');
  const bytes = Buffer.from(base64, 'base64');
  if (bytes.toString('base64') !== base64 || bytes.length < 24 || bytes.length > 64) {
    throw new Problem(
      422,
      'invalid_webhook_key',
      'A webhook key is the base64 of 24 to 64 bytes, with or without whsec_ in front.',
    );
  }
  return new Webhook(base64);
}

/** The value of a header that was sent once. */
function only(value: string | readonly string[] | undefined): string | undefined {
  return typeof value === 'string' ? value : value?.length === 1 ? value[0] : undefined;
}

function equal(one: string, other: string): boolean {
  const [a, b] = [Buffer.from(one), Buffer.from(other)];
  return a.length === b.length && timingSafeEqual(a, b);
}
