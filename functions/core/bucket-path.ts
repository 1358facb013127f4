/** `gs://bucket/prefix` as text: where a project in Cloud Storage is. */

/** Of a whole name, in UTF-8. Source: Cloud Storage, "About objects", object name requirements. */
export const OBJECT_NAME_BYTES = 1024;
/** Source: Cloud Storage, "About Cloud Storage buckets", bucket names. */
const BUCKET = /^gs:\/\/([a-z0-9][a-z0-9._-]{1,220}[a-z0-9])(?:\/(.*))?$/s;

/** Where a project's objects are. */
export interface BucketPlace {
  readonly bucket: string;
  /** What their names begin with: nothing, or something that ends with `/`. */
  readonly prefix: string;
  /** The same as one text, without a slash at its end. */
  readonly path: string;
}

export const isBucketPath = (path: string): boolean => path.startsWith('gs://');

/** Reads `gs://bucket/prefix`; a slash at the end says nothing. `undefined` for what is none, or could be read in two ways. */
export function parseBucketPath(path: string): BucketPlace | undefined {
  const [, bucket, rest = ''] = BUCKET.exec(path) ?? [];
  if (bucket === undefined || !path.isWellFormed()) return undefined;
  const folder = rest.endsWith('/') ? rest.slice(0, -1) : rest;
  if (folder === '') return rest === '' ? { bucket, prefix: '', path: `gs://${bucket}` } : undefined;
  if (pathFlaw(folder) !== undefined || /[\r\n]/.test(folder) || Buffer.byteLength(folder) >= OBJECT_NAME_BYTES) return undefined;
  return { bucket, prefix: `${folder}/`, path: `gs://${bucket}/${folder}` };
}

/** Why a text is no relative path of a file, in words that go on behind it. */
export function pathFlaw(path: string): string | undefined {
  const parts = path.split('/');
  if (parts.includes('')) return 'has a part without a name';
  if (parts.includes('.') || parts.includes('..')) return 'has a part that is . or ..';
  return path.includes('\0') ? 'holds a zero byte' : undefined;
}
