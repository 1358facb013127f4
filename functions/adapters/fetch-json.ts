import type { IncomingMessage } from 'node:http';

/** The JSON at an address, and how long it may be kept. Rejects when it cannot be had. */
export type FetchJson = (url: string) => Promise<{ readonly json: unknown; readonly maxAgeSeconds: number }>;

const LIMIT_MS = 3_000;
const LIMIT_BYTES = 256 * 1024;

/**
 * Reads an address of the configuration: within three seconds, no redirects, at most 256 KiB.
 *
 * Not with `fetch`, which takes Node 35 ms to load, in the first push of every new instance.
 */
export const fetchJsonLimited: FetchJson = async (url) => {
  const response = await got(url);
  if (response.statusCode !== 200) {
    response.destroy();
    throw new Error(`The key address answered ${response.statusCode}.`);
  }
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > LIMIT_BYTES) throw new Error('The key address answered more than 256 KiB.');
    chunks.push(chunk);
  }
  const maxAge = Number(/\bmax-age=(\d{1,9})/i.exec(response.headers['cache-control'] ?? '')?.[1] ?? 0);
  const age = Number(/^\d{1,9}$/.exec(String(response.headers.age ?? ''))?.[0] ?? 0);
  return { json: JSON.parse(Buffer.concat(chunks).toString()), maxAgeSeconds: maxAge - age };
};

/** An `import` of these modules would read all that they export, `WebSocket` with it, and so load what `fetch` is made of. */
function got(url: string): Promise<IncomingMessage> {
  const { get } = process.getBuiltinModule(url.startsWith('https:') ? 'node:https' : 'node:http');
  return new Promise((resolve, reject) => {
    get(url, { agent: false, signal: AbortSignal.timeout(LIMIT_MS) }, resolve).on('error', reject);
  });
}
