import { bucketName } from '../core/addresses.ts';
import { type BucketPlace, OBJECT_NAME_BYTES, parseBucketPath } from '../core/bucket-path.ts';
import { Problem } from '../core/errors.ts';

/** Everything that a rollback stages stands below this, at the top of the project's bucket. It is part of no project. */
export const WORK_PREFIX = '.heliograph-restore/';

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
  const isName = name.isWellFormed() && !/[\r\n]/.test(name) && Buffer.byteLength(name) < OBJECT_NAME_BYTES;
  if (isName) return name;
  throw new Problem(422, 'path_invalid', `${JSON.stringify(path)} cannot be the name of an object in ${project}.`);
}

/** The names of the buckets that Heliograph itself keeps its things in. */
export const isOwnBucket =
  (project: string) =>
  (bucket: string): boolean =>
    bucket.startsWith(bucketName({ project }, ''));
