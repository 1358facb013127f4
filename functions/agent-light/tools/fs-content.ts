/** What `fs.*` share: what came of a look, and how bytes stand in a result. */

import { Problem, TerminalError } from '../../core/errors.ts';
import type { JsonObject } from '../../core/task.ts';

/** Another attempt would find the same. */
export async function looked<T>(look: Promise<T>): Promise<T> {
  return look.catch((error) => {
    throw error instanceof Problem ? new TerminalError(error.code, error.message) : error;
  });
}

/**
 * `{content, encoding, bytes, truncated}`: text as it is (`utf-8`), where a character that the cut goes through is left out, and
 * everything else as `base64`: what is no UTF-8, holds a NUL, or would take more than twice its size as a JSON text.
 */
export function contentOf(bytes: Buffer, truncated: boolean): JsonObject {
  const text = textOf(bytes, truncated);
  if (text === undefined) return { content: bytes.toString('base64'), encoding: 'base64', bytes: bytes.length, truncated };
  return { content: text, encoding: 'utf-8', bytes: Buffer.byteLength(text), truncated };
}

function textOf(bytes: Buffer, isCut: boolean): string | undefined {
  if (bytes.includes(0)) return undefined;
  try {
    const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes, { stream: isCut });
    return Buffer.byteLength(JSON.stringify(text)) - 2 > 2 * bytes.length ? undefined : text;
  } catch {
    return undefined;
  }
}
