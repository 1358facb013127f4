import { Problem } from '../core/errors.ts';

/** Everything that a rollback stages stands below this, at the top of the project's bucket. It is part of no project. */
export const WORK_PREFIX = '.heliograph-restore/';

/** Of a whole name, in UTF-8. Source: Cloud Storage, "About objects", object name requirements. */
const NAME_BYTES = 1024;
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
  if (pathFlaw(folder) !== undefined || /[\r\n]/.test(folder) || Buffer.byteLength(folder) >= NAME_BYTES) return undefined;
  return { bucket, prefix: `${folder}/`, path: `gs://${bucket}/${folder}` };
}

/** Why a text is no relative path of a file, in words that go on behind it. */
export function pathFlaw(path: string): string | undefined {
  const parts = path.split('/');
  if (parts.includes('')) return 'has a part without a name';
  if (parts.includes('.') || parts.includes('..')) return 'has a part that is . or ..';
  return path.includes('\0') ? 'holds a zero byte' : undefined;
}

/**
 * The place of a project, inside one of the roots and outside of what Heliograph keeps for itself. By its text alone: nothing is
 * asked. Throws `Problem` `project_path_invalid` or `outside_roots`.
 */
export function bucketPlaceInRoots(roots: readonly string[], isOwn: (bucket: string) => boolean, projectPath: string): BucketPlace {
  const place = parseBucketPath(projectPath);
  if (place === undefined) {
    throw new Problem(422, 'project_path_invalid', 'project_path has to be gs://bucket or gs://bucket/prefix.', {
      fields: [{ field: 'project_path', code: 'project_path_invalid', message: 'is no place in a bucket' }],
    });
  }
  const isInside = roots.some((root) => {
    const { bucket, prefix } = parseBucketPath(root) ?? {};
    return bucket === place.bucket && prefix !== undefined && place.prefix.startsWith(prefix);
  });
  if (isInside && !isOwn(place.bucket) && !place.prefix.startsWith(WORK_PREFIX)) return place;
  const message = 'project_path is not inside a bucket that may hold projects (ORCHESTRATOR_PROJECT_ROOTS).';
  throw new Problem(403, 'outside_roots', message, {
    fields: [{ field: 'project_path', code: 'outside_roots', message: 'is not inside a bucket that may hold projects' }],
  });
}

/** The name of the object at a path. Throws `Problem` `path_invalid` for a path that no object can have. */
export function objectNameOf({ prefix, path: project }: BucketPlace, path: string): string {
  const name = prefix + path;
  const isName = name.isWellFormed() && !/[\r\n]/.test(name) && Buffer.byteLength(name) < NAME_BYTES;
  if (isName) return name;
  throw new Problem(422, 'path_invalid', `${JSON.stringify(path)} cannot be the name of an object in ${project}.`);
}

/** The names of the buckets that Heliograph itself keeps its things in. */
export const isOwnBucket =
  (project: string) =>
  (bucket: string): boolean =>
    bucket.startsWith(`${project}-heliograph-`);
