import { Problem } from '../core/errors.ts';

/** Pub/Sub takes 10 MB with everything around it; the client waits for its deadline on more, instead of an answer. */
const LARGEST_BYTES = 9_000_000;

/** Throws `Problem` `message_too_large` before anything is sent. */
export function refuseLargeMessage(data: Uint8Array, attributes: Readonly<Record<string, string>>): void {
  let bytes = data.byteLength;
  for (const [key, value] of Object.entries(attributes)) bytes += Buffer.byteLength(key) + Buffer.byteLength(value);
  if (bytes <= LARGEST_BYTES) return;
  throw new Problem(413, 'message_too_large', `A message of ${bytes} bytes cannot be sent; ${LARGEST_BYTES} is the most.`);
}
