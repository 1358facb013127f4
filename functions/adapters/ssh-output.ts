import type { Readable } from 'node:stream';

export interface Output {
  bytes(): Buffer;
  isTruncated(): boolean;
}

/** Keeps the first `most` bytes of a stream and throws the rest away; `tooMuch` is called once there are `limit` of them. */
export function keepOutput(stream: Readable, most: number, limit: number, tooMuch: () => void): Output {
  const chunks: Buffer[] = [];
  let kept = 0;
  let seen = 0;
  stream.on('data', (chunk: Buffer) => {
    if (seen < limit && seen + chunk.length >= limit) tooMuch();
    seen += chunk.length;
    if (kept === most) return;
    chunks.push(chunk.subarray(0, most - kept));
    kept = Math.min(most, kept + chunk.length);
  });
  return { bytes: () => Buffer.concat(chunks), isTruncated: () => seen > kept };
}
