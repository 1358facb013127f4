/** Uploads in one request. Source: cloud.google.com/storage/docs/uploading-objects, "Single-request upload". */

import { draftOf, storeObject } from './draft.ts';
import { invalid } from './errors.ts';
import { checkHashes, claimedIn, newHashes } from './hashes.ts';
import { multipartRelated } from './multipart.ts';
import { type Fields, objectResource } from './resource.ts';
import { startSession } from './sessions.ts';
import { type Call, type Handler, jsonBody, type Reply, type Site } from './site.ts';
import { bucketOf } from './versions.ts';

/** `POST …/o`, by its `uploadType`. */
export const insertObject: Handler = async (site, call) => {
  const type = call.query.get('uploadType');
  if (type === 'resumable') return startSession(site, call);
  if (type === 'multipart') return insertMultipart(site, call);
  if (type === 'media') return insertMedia(site, call);
  throw invalid('uploadType must be media, multipart or resumable.');
};

async function insertMedia(site: Site, call: Call): Promise<Reply> {
  return insertFrom(site, call, {}, call.request.headers['content-type'], call.request);
}

async function insertMultipart(site: Site, call: Call): Promise<Reply> {
  const { first, second } = await multipartRelated(call.request, call.request.headers['content-type'] ?? '');
  return insertFrom(site, call, await jsonBody([first]), second.contentType, second.body);
}

async function insertFrom(
  site: Site,
  call: Call,
  given: Fields,
  contentType: string | undefined,
  body: AsyncIterable<Uint8Array>,
): Promise<Reply> {
  const draft = draftOf(call, given, contentType);
  await site.store.read((tables) => bucketOf(tables, draft.bucket));
  const content = String(site.store.next());
  const hashes = newHashes();
  try {
    const size = await site.contents.append(content, body, { hashes });
    checkHashes(hashes, [draft.claimed, claimedIn(call.request.headers)]);
    const object = await storeObject(site, draft, { content, size, hashes });
    return { json: objectResource(object, site.url) };
  } catch (error) {
    await site.contents.remove(content);
    throw error;
  }
}
