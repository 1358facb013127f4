/** How one version of an object follows another: what every way of writing and deleting has in common. */

import { invalid, noSuchBucket, noSuchObject, StorageError } from './errors.ts';
import { checkPreconditions, type Preconditions } from './preconditions.ts';
import type { Bucket, StoredObject } from './resource.ts';
import { type Site, timestamp } from './site.ts';
import type { Tables } from './store.ts';

/** Throws `StorageError` 404. */
export function bucketOf(tables: Tables, name: string): Bucket {
  const bucket = tables.bucket(name);
  if (bucket === undefined) throw noSuchBucket();
  return bucket;
}

/** The live version, or the one of `generation`. Throws `StorageError` 404 for a bucket or an object that is not there. */
export function objectOf(tables: Tables, bucket: string, name: string, generation?: number): StoredObject {
  bucketOf(tables, bucket);
  const object = tables.object(bucket, name, generation);
  if (object === undefined) throw noSuchObject(bucket, name);
  return object;
}

/** A first state of a version, as of now: `fields` are what a client has set, and the checksums. */
export function newVersion(site: Site, given: Pick<StoredObject, 'bucket' | 'name' | 'content' | 'size' | 'fields'>): StoredObject {
  const now = timestamp();
  const times = { timeCreated: now, updated: now, timeStorageClassUpdated: now, timeFinalized: now };
  return { ...given, generation: site.store.next(), metageneration: 1, live: true, fields: { ...given.fields, ...times } };
}

/** Makes `next` the live version, where the conditions hold of the one that is. Throws `StorageError` 403, 404, 412. */
export function putVersion(tables: Tables, next: StoredObject, conditions: Preconditions, unnamed: string[]): void {
  const bucket = bucketOf(tables, next.bucket);
  const before = tables.object(next.bucket, next.name);
  checkPreconditions(conditions, before, 'write');
  if (before !== undefined) retire(tables, bucket, before, unnamed);
  tables.putObject(next);
}

/** A bucket that keeps versions keeps this one as noncurrent; any other loses it. Throws `StorageError` 403. */
export function retire(tables: Tables, bucket: Bucket, object: StoredObject, unnamed: string[]): void {
  if (bucket.fields.versioning?.enabled) {
    tables.putObject({ ...object, live: false, fields: { ...object.fields, timeDeleted: timestamp() } });
  } else {
    erase(tables, bucket, object, unnamed);
  }
}

/** Removes one version for good. Throws `StorageError` 403 while the bucket has to keep it. */
export function erase(tables: Tables, bucket: Bucket, object: StoredObject, unnamed: string[]): void {
  const seconds = Number(bucket.fields.retentionPolicy?.retentionPeriod ?? 0);
  const until = Date.parse(String(object.fields.timeCreated)) + seconds * 1000;
  if (seconds > 0 && until > Date.now()) {
    const when = new Date(until).toISOString();
    const message = `Object '${bucket.name}/${object.name}' is subject to bucket's retention policy and cannot be deleted or overwritten until ${when}`;
    throw new StorageError(403, 'retentionPolicyNotMet', message);
  }
  tables.removeObject(object);
  unnamed.push(object.content);
}

/** Throws `StorageError` 400 for what Cloud Storage does not take either. Source: cloud.google.com/storage/docs/objects#naming. */
export function checkObjectName(name: unknown): string {
  if (typeof name !== 'string' || name === '') throw invalid('Required: the name of the object.');
  const isBad = name === '.' || name === '..' || /[\r\n]/.test(name) || !name.isWellFormed() || Buffer.byteLength(name) > 1024;
  if (isBad) throw invalid(`Invalid object name: ${JSON.stringify(name)}`);
  return name;
}
