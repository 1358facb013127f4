/** `text.digest`: fetches a document and returns its SHA-256, size, line and word counts. */

import { createHash } from 'node:crypto';
import type { Handler } from '../core/agent/define-agent.ts';
import { Problem, TerminalError } from '../core/errors.ts';
import type { Runtime } from '../core/runtime.ts';

const MAX_BYTES = 32 * 1024 * 1024;
const TIME_LIMIT_MS = 60_000;

/**
 * The payload's `url` is an `https:` address, a `data:` URL, or `gs://uploads/<tenant>/<name>` for an object of the caller's
 * own. Fails the task with `invalid_payload`, `egress_denied`, `document_not_found` or `document_too_large`.
 */
export function textDigest(runtime: Pick<Runtime, 'egress' | 'objects' | 'clock'>): Handler {
  return async ({ url }, { tenant, signal, deadline }) => {
    if (typeof url !== 'string')
      throw new TerminalError('invalid_payload', 'payload.url is missing: give an https:, data: or gs://uploads/ address.');
    const bytes = url.startsWith('data:')
      ? fromDataUrl(url)
      : url.startsWith('gs://')
        ? await fromStorage(runtime, url, tenant)
        : await fromWeb(runtime, url, signal, deadline - runtime.clock.now());
    return digest(bytes);
  };
}

/** Lines are counted as `wc -l` would, plus a last one without a line feed; words are runs of what is no white space. */
export function digest(bytes: Buffer) {
  const text = bytes.toString('utf8');
  return { sha256: createHash('sha256').update(bytes).digest('hex'), bytes: bytes.length, ...countsOf(text) };
}

/** Character by character: a list of the words of a large text takes thirty times its memory, and seconds. */
function countsOf(text: string): { lines: number; words: number } {
  let lines = 0;
  let words = 0;
  let inWord = false;
  for (let index = 0; index < text.length; index++) {
    const code = text.charCodeAt(index);
    if (code === LINE_FEED) lines += 1;
    const space = code < 128 ? code === 32 || (code >= 9 && code <= 13) : WIDE_SPACES.has(code);
    if (!space && !inWord) words += 1;
    inWord = !space;
  }
  return { lines: lines + (text.length > 0 && !text.endsWith('\n') ? 1 : 0), words };
}

const LINE_FEED = 10;
/** What a regular expression's `\s` matches beyond ASCII. */
const WIDE_SPACES = new Set([...'\u00a0\u1680\u2028\u2029\u202f\u205f\u3000\ufeff'].map((space) => space.charCodeAt(0)));
for (let code = 0x2000; code <= 0x200a; code++) WIDE_SPACES.add(code);

/** Source: RFC 2397. */
function fromDataUrl(url: string): Buffer {
  const match = /^data:([^,]*),(.*)$/s.exec(url);
  if (match === null) throw new TerminalError('invalid_payload', 'payload.url is no data: URL: it has no comma.');
  const [, type = '', data = ''] = match;
  try {
    const text = decodeURIComponent(data);
    return /;base64$/i.test(type.trim()) ? Buffer.from(text, 'base64') : Buffer.from(text, 'utf8');
  } catch {
    throw new TerminalError('invalid_payload', 'payload.url is a data: URL that is not correctly percent-encoded.');
  }
}

async function fromStorage(runtime: Pick<Runtime, 'objects'>, url: string, tenant: string): Promise<Buffer> {
  const prefix = `gs://uploads/${encodeURIComponent(tenant)}/`;
  if (!url.startsWith(prefix)) throw new TerminalError('invalid_payload', `payload.url does not lie under ${prefix}.`);
  const name = url.slice('gs://uploads/'.length);
  if (name.split('/').some((part) => part === '' || part === '.' || part === '..'))
    throw new TerminalError('invalid_payload', 'payload.url has an empty or dotted part.');
  const bytes = await runtime.objects.get('uploads', name, { maxBytes: MAX_BYTES }).catch((error) => {
    if (error instanceof Problem && error.code === 'object_too_large') throw new TerminalError('document_too_large', error.message);
    throw error;
  });
  if (bytes === undefined) throw new TerminalError('document_not_found', `There is no object ${url}.`);
  return bytes;
}

async function fromWeb(runtime: Pick<Runtime, 'egress'>, url: string, signal: AbortSignal, leftMs: number): Promise<Buffer> {
  try {
    const timeoutMs = Math.max(1, Math.min(TIME_LIMIT_MS, leftMs));
    const reply = await runtime.egress.request({ url, trust: 'user', timeoutMs, maxBytes: MAX_BYTES, signal });
    if (reply.status >= 500 || reply.status === 429 || reply.status === 408)
      throw new Problem(502, 'egress_failed', `The document's server answered ${reply.status}.`);
    if (reply.status !== 200) throw new TerminalError('document_not_found', `The document's server answered ${reply.status}.`);
    return reply.body;
  } catch (error) {
    if (error instanceof Problem && error.code === 'egress_too_large') throw new TerminalError('document_too_large', error.message);
    if (error instanceof Problem && error.status === 422) throw new TerminalError(error.code, error.message);
    throw error;
  }
}
