/** The bytes of an object. Source: cloud.google.com/storage/docs/json_api/v1/objects/get, cloud.google.com/storage/docs/xml-api/reference-headers. */

import { StorageError } from './errors.ts';
import { etagOf, type StoredObject } from './resource.ts';
import type { Reply, Site } from './site.ts';

/** All of it, or the one range that is asked for. Unlike Cloud Storage it never decompresses what is stored compressed. */
export function download(site: Site, object: StoredObject, rangeHeader: string | undefined): Reply {
  const { content, size } = object;
  const range = rangeOf(rangeHeader, size);
  const length = range === undefined ? size : range.end - range.start + 1;
  return {
    status: range === undefined ? 200 : 206,
    headers: {
      ...headersOf(object),
      'content-length': length,
      ...(range && { 'content-range': `bytes ${range.start}-${range.end}/${size}` }),
    },
    stream: site.contents.read(content, range),
  };
}

function headersOf({ generation, metageneration, size, fields }: StoredObject): Record<string, string> {
  const { contentType, contentEncoding, contentDisposition, contentLanguage, cacheControl, crc32c, md5Hash, updated } = fields;
  const given = {
    'content-type': contentType,
    'content-encoding': contentEncoding,
    'content-disposition': contentDisposition,
    'content-language': contentLanguage,
  };
  return {
    ...(Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)) as Record<string, string>),
    'cache-control': String(cacheControl ?? 'private, max-age=0'),
    'last-modified': new Date(String(updated)).toUTCString(),
    etag: etagOf(generation, metageneration),
    'x-goog-generation': String(generation),
    'x-goog-metageneration': String(metageneration),
    'x-goog-hash': md5Hash === undefined ? `crc32c=${crc32c}` : `crc32c=${crc32c},md5=${md5Hash}`,
    'x-goog-stored-content-encoding': String(contentEncoding ?? 'identity'),
    'x-goog-stored-content-length': String(size),
    'x-goog-storage-class': 'STANDARD',
  };
}

/** `bytes=a-b`, `bytes=a-`, `bytes=-n`; anything else means all of it (RFC 9110). Throws `StorageError` 416 when it lies behind the end. */
function rangeOf(header: string | undefined, size: number): { start: number; end: number } | undefined {
  const [matched, first, last] = /^bytes=(\d*)-(\d*)$/.exec(header ?? '') ?? [];
  if (matched === undefined || (first === '' && last === '')) return undefined;
  const start = first === '' ? Math.max(0, size - Number(last)) : Number(first);
  const end = first === '' || last === '' ? size - 1 : Math.min(Number(last), size - 1);
  if (last !== '' && first !== '' && Number(last) < start) return undefined;
  if (start >= size) throw new StorageError(416, 'requestedRangeNotSatisfiable', `Request range not satisfiable: ${size} bytes.`);
  return { start, end };
}
