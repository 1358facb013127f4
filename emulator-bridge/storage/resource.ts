import { invalid } from './errors.ts';

export type Fields = Readonly<Record<string, unknown>>;

/** A bucket as stored; `fields` are those of its resource that its place does not give. */
export interface Bucket {
  readonly name: string;
  readonly metageneration: number;
  readonly fields: Fields & { readonly versioning?: { readonly enabled?: boolean }; readonly retentionPolicy?: RetentionPolicy };
}

export interface RetentionPolicy {
  /** Seconds, as a decimal number. */
  readonly retentionPeriod: string;
  readonly effectiveTime: string;
  readonly isLocked?: boolean;
}

/** One version of an object as stored. */
export interface StoredObject {
  readonly bucket: string;
  readonly name: string;
  readonly generation: number;
  readonly metageneration: number;
  /** Whether it is the one that a name alone means. */
  readonly live: boolean;
  /** The file of its bytes; copies share it. */
  readonly content: string;
  readonly size: number;
  /** Of its resource: what a client set, the times, and the checksums. */
  readonly fields: Fields;
}

/** What a client may set of an object, apart from `metadata`. */
const SETTABLE = [
  'cacheControl',
  'contentDisposition',
  'contentEncoding',
  'contentLanguage',
  'contentType',
  'customTime',
  'storageClass',
] as const;

export function bucketResource(bucket: Bucket, url: string): Fields {
  const { name, metageneration, fields } = bucket;
  return {
    kind: 'storage#bucket',
    id: name,
    selfLink: `${url}/storage/v1/b/${name}`,
    name,
    metageneration: String(metageneration),
    etag: etagOf(0, metageneration),
    location: 'US',
    locationType: 'multi-region',
    storageClass: 'STANDARD',
    iamConfiguration: { uniformBucketLevelAccess: { enabled: true }, publicAccessPrevention: 'enforced' },
    ...fields,
  };
}

export function objectResource(object: StoredObject, url: string): Fields {
  const { bucket, name, generation, metageneration, size, fields } = object;
  const path = `/storage/v1/b/${bucket}/o/${encodeURIComponent(name)}`;
  return {
    kind: 'storage#object',
    id: `${bucket}/${name}/${generation}`,
    selfLink: url + path,
    mediaLink: `${url}/download${path}?generation=${generation}&alt=media`,
    name,
    bucket,
    generation: String(generation),
    metageneration: String(metageneration),
    etag: etagOf(generation, metageneration),
    size: String(size),
    storageClass: 'STANDARD',
    ...fields,
  };
}

export function etagOf(generation: number, metageneration: number): string {
  return Buffer.from(`${generation}/${metageneration}`).toString('base64');
}

/** Of what a client sent, what it may set: null where it wants a field gone. Throws `StorageError` 400 for what is no such value. */
export function settableFields(given: Fields): Fields {
  const kept: Record<string, unknown> = {};
  for (const name of SETTABLE) {
    if (given[name] === undefined) continue;
    if (given[name] !== null && typeof given[name] !== 'string') throw invalid(`${name} must be a string.`);
    // Most of them come back as headers.
    if (/[^\t\x20-\x7e\x80-\xff]/.test(given[name] ?? '')) throw invalid(`${name} must be what a header can carry.`);
    kept[name] = given[name];
  }
  if (given.metadata === undefined) return kept;
  if (given.metadata === null) return { ...kept, metadata: null };
  if (typeof given.metadata !== 'object' || Array.isArray(given.metadata)) throw invalid('metadata must be an object of strings.');
  for (const [key, value] of Object.entries(given.metadata)) {
    if (value !== null && typeof value !== 'string') throw invalid(`metadata.${key} must be a string.`);
  }
  return { ...kept, metadata: given.metadata };
}

/** JSON merge patch (RFC 7396): null takes a field away, objects are merged, all else is replaced. */
export function merged(before: Fields, patch: Fields): Fields {
  const after: Record<string, unknown> = { ...before };
  for (const [name, value] of Object.entries(patch)) {
    if (value === null) delete after[name];
    else if (isObject(value)) after[name] = merged(isObject(before[name]) ? before[name] : {}, value);
    else after[name] = value;
  }
  return after;
}

function isObject(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
