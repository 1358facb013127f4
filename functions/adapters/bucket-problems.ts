import { Problem } from '../core/errors.ts';
import { FileChanged } from '../core/ports.ts';
import { statusOf } from './storage-client.ts';

/** What is told of a refusal or a failure of Cloud Storage, by the place (`gs://…`) that was asked for. */
export function bucketProblem(place: string, cause: unknown): unknown {
  if (cause instanceof Problem || cause instanceof FileChanged) return cause;
  const status = statusOf(cause);
  if (status === 404) return bucketNotFound(place, cause);
  if (status !== 401 && status !== 403) {
    return new Problem(503, 'objects_unavailable', 'Cloud Storage did not answer as it should.', { cause });
  }
  const advice = 'Its bucket has to be among the projectBuckets of the deployment, and no hold or retention on what is written.';
  return new Problem(422, 'project_unreadable', `Cloud Storage refuses access to ${place}. ${advice}`, { cause });
}

export const bucketNotFound = (place: string, cause?: unknown): Problem =>
  new Problem(404, 'project_not_found', `There is nothing at ${place}.`, {
    fields: [{ field: 'project_path', code: 'project_not_found', message: 'is no folder of a bucket' }],
    cause,
  });

/** An object that no file can stand for. It is named, and neither left out nor taken for something else. */
export const unusable = (bucket: string, name: string, flaw: string): Problem =>
  new Problem(422, 'project_unreadable', `${JSON.stringify(`gs://${bucket}/${name}`)} ${flaw}. Rename it, or remove it.`);

/** What stands in place of a lock, and was not put there by a rollback. Nothing is done by it, and nobody but people may remove it. */
export const forgedLock = (bucket: string, name: string): Problem => {
  const place = JSON.stringify(`gs://${bucket}/${name}`);
  return new Problem(
    409,
    'lock_invalid',
    `${place} is no lock of a rollback of this project. Look who put it there, and remove it.`,
  );
};
