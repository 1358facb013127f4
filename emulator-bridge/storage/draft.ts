import { notHere } from './errors.ts';
import type { Claimed, Hashes } from './hashes.ts';
import { type Preconditions, preconditionsOf } from './preconditions.ts';
import { type Fields, merged, type StoredObject, settableFields } from './resource.ts';
import { type Call, change, type Site } from './site.ts';
import type { Tables } from './store.ts';
import { checkObjectName, newVersion, putVersion } from './versions.ts';

/** What an upload wants to become. */
export interface Draft {
  readonly bucket: string;
  readonly name: string;
  readonly conditions: Preconditions;
  readonly fields: Fields;
  /** The checksums that came with the metadata. */
  readonly claimed: Claimed;
}

/** Reads what the request says of the object. Throws `StorageError` 400, 501. */
export function draftOf({ names, query }: Call, given: Fields, contentType: string | undefined): Draft {
  for (const name of ['kmsKeyName', 'predefinedAcl']) if (query.has(name)) throw notHere(name);
  const { contentType: type = contentType ?? 'application/octet-stream', ...fields } = settableFields(given);
  return {
    bucket: names[0] as string,
    name: checkObjectName(query.get('name') ?? given.name),
    conditions: preconditionsOf(query),
    fields: merged({}, { ...fields, contentType: type }),
    claimed: {
      ...(typeof given.crc32c === 'string' && { crc32c: given.crc32c }),
      ...(typeof given.md5Hash === 'string' && { md5: given.md5Hash }),
    },
  };
}

/** Makes the live version of what has been written; `also` runs in the same transaction. Throws `StorageError` 403, 404, 412. */
export function storeObject(
  site: Site,
  { bucket, name, conditions, fields }: Draft,
  written: { readonly content: string; readonly size: number; readonly hashes: Hashes },
  also?: (tables: Tables, object: StoredObject) => void,
): Promise<StoredObject> {
  const { content, size, hashes } = written;
  const sums = { crc32c: hashes.crc32c(), md5Hash: hashes.md5() };
  return change(site, (tables, unnamed) => {
    const object = newVersion(site, { bucket, name, content, size, fields: { ...fields, ...sums } });
    putVersion(tables, object, conditions, unnamed);
    also?.(tables, object);
    return object;
  });
}
