import { createBucket, deleteBucket, getBucket, listBuckets, lockRetention, patchBucket } from './buckets.ts';
import { composeObject, copyObject, rewriteObject } from './copies.ts';
import { invalid, notHere } from './errors.ts';
import { listObjects } from './listing.ts';
import { deleteObject, getObject, patchObject, updateObject } from './objects.ts';
import { cancelUpload, resumeUpload } from './sessions.ts';
import type { Handler } from './site.ts';
import { insertObject } from './uploads.ts';

/** What is spoken here; `*` is one name of the path. */
const ROUTES: readonly (readonly [string, Handler])[] = [
  ['GET /b', listBuckets],
  ['POST /b', createBucket],
  ['GET /b/*', getBucket],
  ['PATCH /b/*', patchBucket],
  ['DELETE /b/*', deleteBucket],
  ['POST /b/*/lockRetentionPolicy', lockRetention],
  ['GET /b/*/o', listObjects],
  ['GET /b/*/o/*', getObject],
  ['PATCH /b/*/o/*', patchObject],
  ['PUT /b/*/o/*', updateObject],
  ['DELETE /b/*/o/*', deleteObject],
  ['POST /b/*/o/*/compose', composeObject],
  ['POST /b/*/o/*/copyTo/b/*/o/*', copyObject],
  ['POST /b/*/o/*/rewriteTo/b/*/o/*', rewriteObject],
];

const UPLOAD_ROUTES: readonly (readonly [string, Handler])[] = [
  ['POST /b/*/o', insertObject],
  ['PUT /b/*/o', resumeUpload],
  ['DELETE /b/*/o', cancelUpload],
];

/**
 * The handler of a request, and the names in its path, decoded one by one: an object's name may hold slashes and dots, so the
 * path must not be normalised. The client leaves `/storage/v1` out when it takes the address from `STORAGE_EMULATOR_HOST`.
 * Throws `StorageError` 400, 501.
 */
export function route(method: string, path: string): { readonly handler: Handler; readonly names: readonly string[] } {
  const [, isUpload, parts = ''] = /^(\/upload)?(?:(?:\/download)?\/storage\/v1)?(\/b(?:\/.*)?)$/.exec(path) ?? [];
  const asked = [method, ...parts.split('/').slice(1)];
  for (const [pattern, handler] of isUpload ? UPLOAD_ROUTES : ROUTES) {
    const wanted = pattern.split(/ \/|\//);
    if (wanted.length !== asked.length || !wanted.every((part, at) => part === '*' || part === asked[at])) continue;
    return { handler, names: asked.filter((_, at) => wanted[at] === '*').map(decoded) };
  }
  throw notHere(`${method} ${path}`);
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    throw invalid(`Invalid path: ${part}`);
  }
}
