/** Buckets. Source: cloud.google.com/storage/docs/json_api/v1/buckets. */

import { invalid, StorageError } from './errors.ts';
import { checkPreconditions, preconditionsOf, wholeNumber } from './preconditions.ts';
import { type Bucket, bucketResource, type Fields, merged } from './resource.ts';
import { change, type Handler, jsonBody, timestamp } from './site.ts';
import { FIRST, LAST } from './store.ts';
import { bucketOf } from './versions.ts';

/** What a client may set, of what means something here or is merely kept. */
const SETTABLE = ['versioning', 'retentionPolicy', 'lifecycle', 'labels', 'softDeletePolicy'];
const PAGE = 1000;
/** A hundred years. Source: cloud.google.com/storage/docs/bucket-lock. */
const LONGEST_RETENTION_SECONDS = 3_155_760_000;

export const createBucket: Handler = async (site, call) => {
  const given = await jsonBody(call.request);
  const bucket = newBucket(String(given.name ?? ''), given);
  await change(site, (tables) => {
    if (tables.bucket(bucket.name) !== undefined) {
      throw new StorageError(409, 'conflict', 'Your previous request to create the named bucket succeeded and you already own it.');
    }
    tables.putBucket(bucket);
  });
  return { json: bucketResource(bucket, site.url) };
};

/** Throws `StorageError` 400 for a bad name. */
export function newBucket(name: string, given: Fields): Bucket {
  const isName = /^[a-z0-9][a-z0-9._-]{1,220}[a-z0-9]$/.test(name) && name.split('.').every((part) => part.length < 64);
  if (!isName) throw invalid(`Invalid bucket name: ${JSON.stringify(name)}`);
  const now = timestamp();
  return { name, metageneration: 1, fields: { ...checkedFields({}, given), timeCreated: now, updated: now } };
}

export const getBucket: Handler = async (site, { names, query }) => {
  const conditions = preconditionsOf(query);
  const bucket = await site.store.read((tables) => bucketOf(tables, names[0] as string));
  checkPreconditions(conditions, bucket, 'read');
  return { json: bucketResource(bucket, site.url) };
};

export const listBuckets: Handler = async (site, { query }) => {
  const limit = Math.min(PAGE, wholeNumber(query, 'maxResults') || PAGE);
  const after = Buffer.from(query.get('pageToken') ?? '', 'base64url').toString();
  const found = await site.store.read((tables) => tables.buckets(query.get('prefix') ?? '', after, limit + 1));
  const page = found.slice(0, limit);
  const nextPageToken = found.length > limit ? Buffer.from(page.at(-1)?.name ?? '').toString('base64url') : undefined;
  return { json: { kind: 'storage#buckets', nextPageToken, items: page.map((bucket) => bucketResource(bucket, site.url)) } };
};

export const patchBucket: Handler = async (site, call) => {
  const given = await jsonBody(call.request);
  const conditions = preconditionsOf(call.query);
  const changed = await change(site, (tables) => {
    const before = bucketOf(tables, call.names[0] as string);
    checkPreconditions(conditions, before, 'write');
    const fields = { ...checkedFields(before.fields, given), updated: timestamp() };
    const after = { ...before, metageneration: before.metageneration + 1, fields };
    tables.putBucket(after);
    return after;
  });
  return { json: bucketResource(changed, site.url) };
};

export const deleteBucket: Handler = async (site, { names, query }) => {
  const conditions = preconditionsOf(query);
  await change(site, (tables) => {
    const bucket = bucketOf(tables, names[0] as string);
    checkPreconditions(conditions, bucket, 'write');
    const [first] = tables.objects(bucket.name, FIRST, LAST, true);
    if (first !== undefined) throw new StorageError(409, 'conflict', 'The bucket you tried to delete is not empty.');
    tables.removeBucket(bucket.name);
  });
  return { status: 204 };
};

/** From now on the retention can only grow. */
export const lockRetention: Handler = async (site, { names, query }) => {
  const conditions = preconditionsOf(query);
  const locked = await change(site, (tables) => {
    const before = bucketOf(tables, names[0] as string);
    checkPreconditions(conditions, before, 'write');
    if (before.fields.retentionPolicy === undefined) throw invalid('The bucket has no retention policy to lock.');
    const retentionPolicy = { ...before.fields.retentionPolicy, isLocked: true };
    const after = { ...before, metageneration: before.metageneration + 1, fields: { ...before.fields, retentionPolicy } };
    tables.putBucket(after);
    return after;
  });
  return { json: bucketResource(locked, site.url) };
};

/** Applies what was given. Throws `StorageError` 400 for a retention that is none, 403 for one that a lock forbids. */
function checkedFields(before: Bucket['fields'], given: Fields): Bucket['fields'] {
  const wanted = Object.fromEntries(Object.entries(given).filter(([name]) => SETTABLE.includes(name)));
  const after = merged(before, wanted) as Bucket['fields'];
  if (!isLifecycle(after.lifecycle)) throw invalid('lifecycle.rule must be a list of rules, each with an action and a condition.');
  if (wanted.retentionPolicy === undefined) return after;
  const { retentionPeriod } = after.retentionPolicy ?? {};
  const seconds = Number(retentionPeriod ?? 0);
  if (before.retentionPolicy?.isLocked && !(seconds >= Number(before.retentionPolicy.retentionPeriod))) {
    throw new StorageError(403, 'forbidden', `Bucket's retention policy is locked: it can neither be removed nor shortened.`);
  }
  if (after.retentionPolicy === undefined) return after;
  if (!Number.isInteger(seconds) || seconds < 1 || seconds > LONGEST_RETENTION_SECONDS)
    throw invalid('retentionPolicy.retentionPeriod must be a number of seconds, at most a hundred years.');
  const isLocked = before.retentionPolicy?.isLocked ?? false;
  return { ...after, retentionPolicy: { retentionPeriod: String(seconds), effectiveTime: timestamp(), isLocked } };
}

function isLifecycle(value: unknown): boolean {
  if (value === undefined) return true;
  const { rule = [] } = (value ?? {}) as { rule?: unknown };
  return Array.isArray(rule) && rule.every((one) => isObject(one) && isObject(one.action ?? {}) && isObject(one.condition ?? {}));
}

function isObject(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null;
}
