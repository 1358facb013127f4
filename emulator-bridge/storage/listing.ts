/** Lists of objects. Source: cloud.google.com/storage/docs/json_api/v1/objects/list. */

import { invalid, notHere } from './errors.ts';
import { wholeNumber } from './preconditions.ts';
import { objectResource, type StoredObject } from './resource.ts';
import type { Handler } from './site.ts';
import { LAST, type Place, type Tables } from './store.ts';
import { bucketOf } from './versions.ts';

const PAGE = 1000;

/** `GET …/o`: by name and then generation; with a delimiter, names that share what stands before it are one prefix. */
export const listObjects: Handler = async (site, { names, query }) => {
  const [bucket = ''] = names;
  for (const name of ['matchGlob', 'softDeleted', 'includeFoldersAsPrefixes', 'filter']) {
    if (query.has(name) && query.get(name) !== 'false') throw notHere(`Listing with ${name}`);
  }
  const asked = {
    bucket,
    prefix: query.get('prefix') ?? '',
    delimiter: query.get('delimiter') ?? '',
    trailing: query.get('includeTrailingDelimiter') === 'true',
    versions: query.get('versions') === 'true',
    from: Buffer.from(query.get('startOffset') ?? ''),
    to: query.get('endOffset') ? Buffer.from(query.get('endOffset') as string) : undefined,
    limit: Math.min(PAGE, wholeNumber(query, 'maxResults') || PAGE),
    after: placeIn(query.get('pageToken')),
  };
  const { objects, prefixes, next } = await site.store.read((tables) => {
    bucketOf(tables, bucket);
    return page(tables, asked);
  });
  const json = {
    kind: 'storage#objects',
    ...(next && { nextPageToken: tokenOf(next) }),
    ...(prefixes.length > 0 && { prefixes }),
    ...(objects.length > 0 && { items: objects.map((object) => objectResource(object, site.url)) }),
  };
  return { json };
};

interface Asked {
  readonly bucket: string;
  readonly prefix: string;
  readonly delimiter: string;
  /** Whether an object whose name ends with its first delimiter is listed as well, beside its prefix. */
  readonly trailing: boolean;
  readonly versions: boolean;
  readonly from: Buffer;
  readonly to: Buffer | undefined;
  readonly limit: number;
  readonly after: Place | undefined;
}

function page(tables: Tables, { bucket, prefix, delimiter, trailing, versions, from, to, limit, after }: Asked) {
  const objects: StoredObject[] = [];
  const prefixes: string[] = [];
  const start = Buffer.from(prefix);
  const end = [Buffer.concat([start, LAST]), to ?? LAST].sort(Buffer.compare)[0] as Buffer;
  // Generations are above 0, so that this is before everything of the first name.
  let place: Place | undefined = after ?? { name: [start, from].sort(Buffer.compare)[1] as Buffer, generation: 0 };
  while (place !== undefined) {
    const rows: Iterable<StoredObject> = tables.objects(bucket, place, end, versions);
    let skipTo: Place | undefined;
    for (const object of rows) {
      const found = objects.length + prefixes.length;
      if (found >= limit) return { objects, prefixes, next: place };
      const at = delimiter === '' ? -1 : object.name.indexOf(delimiter, prefix.length);
      if (at === -1) {
        objects.push(object);
        place = { name: Buffer.from(object.name), generation: object.generation };
        continue;
      }
      const common = object.name.slice(0, at + delimiter.length);
      const isListed = trailing && object.name === common;
      // The two belong on one page, which on a page for one alone there is no room for.
      if (isListed && found > 0 && found + 2 > limit) return { objects, prefixes, next: place };
      prefixes.push(common);
      if (isListed) objects.push(object);
      skipTo = { name: Buffer.concat([Buffer.from(common), LAST]), generation: 0 };
      break;
    }
    place = skipTo;
  }
  return { objects, prefixes, next: undefined };
}

function tokenOf({ name, generation }: Place): string {
  return Buffer.concat([Buffer.from(`${generation}/`), name]).toString('base64url');
}

/** Throws `StorageError` 400 for a token that is none of ours. */
function placeIn(token: string | null): Place | undefined {
  if (token === null || token === '') return undefined;
  const bytes = Buffer.from(token, 'base64url');
  const cut = bytes.indexOf('/');
  const generation = Number(bytes.toString('latin1', 0, Math.max(0, cut)));
  if (cut < 1 || !Number.isSafeInteger(generation)) throw invalid('Invalid pageToken.');
  return { name: bytes.subarray(cut + 1), generation };
}
