/** Push endpoints: the OIDC token is verified before the body is looked at, then the envelope is opened. */

import type { IncomingMessage } from 'node:http';
import { pushAccountEmail, pushAudience } from './addresses.ts';
import { isCheckedToken } from './compact-token.ts';
import type { Problem } from './errors.ts';
import { jsonBody } from './http.ts';
import { bearerToken, verifyCheckedToken, verifyIdToken } from './push.ts';
import type { Runtime } from './runtime.ts';
import { followMessage } from './trace.ts';
import { unauthenticated } from './unauthenticated.ts';

/** A message as it came, from a push envelope. */
export interface PushMessage {
  readonly messageId: string;
  readonly data: Buffer;
  readonly attributes: Readonly<Record<string, string>>;
  /** Milliseconds since the epoch; 0 when unknown. */
  readonly publishTime: number;
  readonly subscription: string;
  readonly deliveryAttempt: number;
}

/** What a push brought; with a `flaw` in its envelope, it can never be processed. */
export interface Incoming {
  readonly message: PushMessage;
  readonly flaw?: string;
}

/** Why a message can never be processed, by a stable code. */
export interface Flaw {
  readonly code: string;
  readonly reason: string;
}

type Gate = Pick<Runtime, 'settings' | 'name' | 'tokenKeys' | 'clock'>;

/**
 * Admits a call to `path` by a Google-signed ID token of the push account, or of `alsoFrom`. Throws `Problem` 401, or 503
 * `keys_unavailable`. Behind Cloud Run's IAM tokens come without their signature, which Cloud Run has checked; one that still has
 * it is verified here. Local runs alone can turn the check of pushes off (`PUBSUB_VERIFY_OIDC=false`).
 */
export async function admitPush(
  runtime: Gate,
  request: IncomingMessage,
  path: string,
  alsoFrom: readonly string[] = [],
): Promise<void> {
  const { oidc } = runtime.settings;
  const isPush = path.startsWith('/pubsub/');
  if (isPush && !(runtime.name === 'results' ? oidc.verifyResults : oidc.verifyPush)) return;
  await admitAccounts(runtime, request, path, [pushAccountEmail(runtime.settings), ...alsoFrom]);
}

/** Admits a call to `path` by a Google-signed ID token of one of these accounts, and of no other. Throws what `admitPush` throws. */
export async function admitAccounts(
  runtime: Gate,
  request: IncomingMessage,
  path: string,
  emails: readonly string[],
): Promise<void> {
  const { oidc } = runtime.settings;
  const token = bearerToken(request.headersDistinct);
  const expected = { issuer: oidc.issuer, audience: pushAudience(runtime.settings, runtime.name, path), emails };
  if (oidc.behindIam && isCheckedToken(token)) {
    // With this header, it is its token that the platform has checked, and the other one is passed on as it came.
    if (request.headersDistinct['x-serverless-authorization'] !== undefined) throw unauthenticated('authorization header');
    verifyCheckedToken(token, expected, runtime.clock.now());
    return;
  }
  await verifyIdToken(token, expected, runtime.tokenKeys, runtime.clock.now());
}

/**
 * Opens the envelope of a verified push.
 *
 * Source: Google Cloud, "Push subscriptions", wrapped message format.
 */
export async function openEnvelope(request: IncomingMessage): Promise<Incoming> {
  let body: unknown;
  try {
    body = await jsonBody(request);
  } catch (error) {
    if ((error as Problem).code === 'incomplete_body') throw error;
    return { message: emptyMessage, flaw: 'The push envelope is not JSON.' };
  }
  const envelope = object(body);
  const message = object(envelope.message);
  const data = typeof message.data === 'string' ? message.data : '';
  const opened: PushMessage = {
    messageId: text(message.messageId ?? message.message_id),
    data: Buffer.from(data, 'base64'),
    attributes: Object.fromEntries(
      Object.entries(object(message.attributes)).filter((entry): entry is [string, string] => typeof entry[1] === 'string'),
    ),
    publishTime: Date.parse(text(message.publishTime ?? message.publish_time)) || 0,
    subscription: text(envelope.subscription),
    deliveryAttempt: typeof envelope.deliveryAttempt === 'number' ? envelope.deliveryAttempt : 1,
  };
  followMessage(opened.attributes);
  if (opened.messageId === '') return { message: opened, flaw: 'The push envelope has no message with an id.' };
  if (!isBase64(data, opened.data.length))
    return { message: { ...opened, data: Buffer.from(data) }, flaw: 'The data is not base64.' };
  return { message: opened };
}

const emptyMessage: PushMessage = {
  messageId: '',
  data: Buffer.alloc(0),
  attributes: {},
  publishTime: 0,
  subscription: '',
  deliveryAttempt: 1,
};

/** Node's decoder leaves out what it does not know and takes base64url too; so a text without flaw decodes to all of its bytes. */
function isBase64(text: string, bytes: number): boolean {
  const padding = text.endsWith('==') ? 2 : text.endsWith('=') ? 1 : 0;
  return text.length % 4 === 0 && bytes === (text.length / 4) * 3 - padding && !text.includes('-') && !text.includes('_');
}

const text = (value: unknown): string => (typeof value === 'string' ? value : '');

const object = (value: unknown): Record<string, unknown> =>
  typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};

/** The JSON value that a push brought, or why there is none. */
export function jsonOf({ message, flaw }: Incoming): { readonly value: unknown } | Flaw {
  if (flaw !== undefined) return { code: 'invalid_envelope', reason: flaw };
  return parsedData(message.data) ?? { code: 'invalid_json', reason: 'The data is not JSON.' };
}

const UTF8 = new TextDecoder('utf-8', { fatal: true });

/** The JSON value of a message, or `undefined` when it is not UTF-8 JSON. */
export function parsedData(data: Buffer): { readonly value: unknown } | undefined {
  try {
    return { value: JSON.parse(UTF8.decode(data)) };
  } catch {
    return undefined;
  }
}
