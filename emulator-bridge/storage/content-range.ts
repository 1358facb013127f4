import { invalid } from './errors.ts';

/** Which bytes a request brings, `end` included; what the sender does not know yet is absent, as is `start` where there are none. */
export interface ContentRange {
  readonly start?: number;
  readonly end?: number;
  readonly total?: number;
}

/**
 * Reads `Content-Range` of a resumable upload; without one the body is all of it. Unlike RFC 9110, Cloud Storage also takes
 * `bytes 0-∗/∗` from a sender that will know its length only at the end. Throws `StorageError` 400.
 */
export function contentRange(header: string | undefined): ContentRange {
  if (header === undefined) return { start: 0 };
  const [matched, start, end, total] = /^bytes (?:\*|(\d+)-(?:\*|(\d+)))\/(?:\*|(\d+))$/.exec(header) ?? [];
  const range = { ...named('start', start), ...named('end', end), ...named('total', total) } as ContentRange;
  const isOrdered = (range.start ?? 0) <= (range.end ?? Infinity) + 1 && (range.end ?? -1) < (range.total ?? Infinity);
  if (matched === undefined || !isOrdered) throw invalid(`Invalid Content-Range header: ${JSON.stringify(header)}`);
  return range;
}

function named(name: string, digits: string | undefined): Record<string, number> {
  return digits === undefined ? {} : { [name]: Number(digits) };
}

/** Leaves out the first `skip` bytes, and refuses more than `most` of the others. */
export async function* freshBytes(source: AsyncIterable<Buffer>, skip: number, most: number): AsyncGenerator<Buffer> {
  let left = skip;
  let come = 0;
  for await (const chunk of source) {
    const fresh = chunk.subarray(Math.min(left, chunk.length));
    left -= chunk.length - fresh.length;
    come += fresh.length;
    if (come > most) throw invalid(`There are ${come - most} byte(s) more than the upload was to have.`);
    if (fresh.length > 0) yield fresh;
  }
}
