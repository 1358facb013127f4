/**
 * The claim check: a payload or result too large for a message or document goes to object storage and travels as a reference.
 *
 * Source: Hohpe and Woolf, "Enterprise Integration Patterns", Claim Check.
 */

import { createHash } from 'node:crypto';
import { Problem } from './errors.ts';
import type { Outcome } from './run-message.ts';
import type { Runtime } from './runtime.ts';
import type { JsonObject, Reference } from './task.ts';

const BUCKET = 'payloads';

type Storage = Pick<Runtime, 'objects' | 'settings'>;

/**
 * Stores a value's JSON text when it is too large to travel; `undefined` when it may stay as it is. The name follows from the
 * content, so that a repeat writes the same object. Throws `Problem` `too_large` above the maximum.
 */
export async function checkIn(
  runtime: Storage,
  tenant: string,
  taskId: string,
  what: 'payload' | 'result',
  value: unknown,
): Promise<Reference | undefined> {
  const text = JSON.stringify(value) ?? 'null';
  const bytes = Buffer.byteLength(text);
  const { inlineBytes, maxBytes } = runtime.settings.limits;
  if (bytes <= inlineBytes) return undefined;
  if (bytes > maxBytes) throw tooLarge(what, bytes, maxBytes);
  const sha256 = createHash('sha256').update(text).digest('hex');
  const name = `${encodeURIComponent(tenant)}/${taskId}/${what}-${sha256}.json`;
  await runtime.objects.put(BUCKET, name, Buffer.from(text), { ifAbsent: true });
  return { bucket: BUCKET, name, sha256, bytes };
}

/** An outcome as it may travel: a large result is put into storage. Throws what `checkIn` throws. */
export async function carriable(runtime: Storage, tenant: string, taskId: string, outcome: Outcome): Promise<Outcome> {
  if (outcome.status !== 'succeeded' || outcome.resultRef !== undefined) return outcome;
  const { result, ...rest } = outcome;
  const resultRef = await checkIn(runtime, tenant, taskId, 'result', result);
  return resultRef === undefined ? outcome : { ...rest, resultRef };
}

/** The value behind a reference, its hash checked. Throws `Problem` `object_missing` or `object_corrupt`. */
export async function checkOut(runtime: Pick<Runtime, 'objects'>, reference: Reference): Promise<unknown> {
  const bytes = await runtime.objects.get(reference.bucket, reference.name);
  if (bytes === undefined) throw new Problem(503, 'object_missing', `The object ${reference.name} is not in storage.`);
  if (createHash('sha256').update(bytes).digest('hex') !== reference.sha256) {
    throw new Problem(500, 'object_corrupt', `The object ${reference.name} is not what was stored: its hash differs.`);
  }
  return JSON.parse(bytes.toString('utf8'));
}

/** A payload that is either inline or behind a reference. */
export async function payloadOf(
  runtime: Pick<Runtime, 'objects'>,
  from: { readonly payload?: JsonObject; readonly payloadRef?: Reference },
): Promise<JsonObject> {
  return from.payloadRef ? ((await checkOut(runtime, from.payloadRef)) as JsonObject) : (from.payload ?? {});
}

const tooLarge = (what: string, bytes: number, maxBytes: number): Problem =>
  new Problem(
    413,
    'too_large',
    `The ${what} has ${bytes} bytes of JSON; at most ${maxBytes} are taken. Put it into the uploads bucket and send its gs:// address.`,
    {
      fields: [{ field: what, code: 'too_large', message: `is larger than ${maxBytes} bytes` }],
    },
  );
