import { invalid, StorageError } from './errors.ts';

/** The two parts of an upload: the first, small, whole; the second as it comes. */
export interface RelatedParts {
  readonly first: Buffer;
  readonly second: { readonly contentType: string | undefined; readonly body: AsyncIterable<Buffer> };
}

const HEAD_LIMIT_BYTES = 1 << 20;

/**
 * Reads a `multipart/related` body with two parts: metadata, then bytes. Throws `StorageError` 400; so does the second part's
 * body when it ends without the closing boundary.
 *
 * Source: RFC 2046, section 5.1; RFC 2387.
 */
export async function multipartRelated(source: AsyncIterable<Buffer>, contentType: string): Promise<RelatedParts> {
  const [, quoted, plain] = /^multipart\/related\s*;(?:.*;)?\s*boundary=(?:"([^"]+)"|([^\s;]+))/i.exec(contentType) ?? [];
  const boundary = quoted ?? plain;
  if (boundary === undefined) throw invalid('A multipart upload needs "Content-Type: multipart/related; boundary=…".');
  const delimiter = Buffer.from(`\r\n--${boundary}`);
  const chunks = source[Symbol.asyncIterator]();
  // The first boundary may stand at the very beginning, without the line end that belongs to the others.
  let rest: Buffer = Buffer.from('\r\n');

  async function more(): Promise<boolean> {
    const { done, value } = await chunks.next();
    if (!done) rest = Buffer.concat([rest, value]);
    return !done;
  }

  /** Everything up to `mark`, which is dropped. */
  async function until(mark: Buffer): Promise<Buffer> {
    for (let from = 0; ; ) {
      const at = rest.indexOf(mark, from);
      if (at !== -1) {
        const before = rest.subarray(0, at);
        rest = rest.subarray(at + mark.length);
        return before;
      }
      if (rest.length > HEAD_LIMIT_BYTES) throw new StorageError(413, 'uploadTooLarge', 'The metadata is larger than 1 MiB.');
      from = Math.max(0, rest.length - mark.length);
      if (!(await more())) throw invalid('The multipart body ended too early.');
    }
  }

  async function headers(): Promise<string> {
    // A part without any header has its empty line right behind the boundary's line.
    return `\r\n${await until(Buffer.from('\r\n\r\n'))}\r\n`;
  }

  /** Hands on all but the last bytes, which may be the beginning of the delimiter. */
  async function* body(): AsyncGenerator<Buffer> {
    for (let at = rest.indexOf(delimiter); ; at = rest.indexOf(delimiter)) {
      const safe = at === -1 ? rest.length - delimiter.length : at;
      if (safe > 0) yield rest.subarray(0, safe);
      rest = rest.subarray(Math.max(0, safe));
      if (at !== -1) break;
      if (!(await more())) throw invalid('The multipart body ended without its closing boundary.');
    }
    rest = rest.subarray(delimiter.length);
    while (rest.length < 2 && (await more()));
    if (rest.toString('latin1', 0, 2) !== '--') throw invalid('A multipart upload has two parts.');
    // What follows belongs to nobody, but the sender waits until it is read.
    while (await more()) rest = Buffer.alloc(0);
  }

  await until(delimiter);
  await headers();
  const first = await until(delimiter);
  const [, type] = /\r\ncontent-type:[ \t]*([^\r\n]*)/i.exec(await headers()) ?? [];
  return { first, second: { contentType: type?.trim(), body: body() } };
}
