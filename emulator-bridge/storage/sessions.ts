/**
 * Resumable uploads. A session is a row; what it has received is on disk before the row says so, and the row before the client
 * hears of it, so that an upload goes on after a crash of either side.
 *
 * Source: cloud.google.com/storage/docs/performing-resumable-uploads. Unlike there, chunks need not be multiples of 256 KiB.
 */

import type { IncomingMessage } from 'node:http';
import { type ContentRange, contentRange, freshBytes } from './content-range.ts';
import { type Draft, draftOf, storeObject } from './draft.ts';
import { invalid, StorageError } from './errors.ts';
import { checkHashes, claimedIn, type Hashes, newHashes } from './hashes.ts';
import { checkPreconditions } from './preconditions.ts';
import { objectResource, type StoredObject } from './resource.ts';
import { type Call, change, type Handler, jsonBody, type Reply, type Site } from './site.ts';
import { inTurn, type Running } from './turns.ts';
import { bucketOf } from './versions.ts';

/** A session as stored. */
export interface Upload {
  readonly id: string;
  readonly draft: Draft;
  /** The file of what has come; empty once it belongs to the object. */
  readonly content: string;
  readonly received: number;
  /** As announced at the start. */
  readonly total?: number;
  /** Milliseconds since the epoch. */
  readonly startedAt: number;
  /** What it became: a client that lost the reply asks again. */
  readonly result?: StoredObject;
}

/** `POST …/o?uploadType=resumable`: its reply says where the bytes go. */
export async function startSession(site: Site, call: Call): Promise<Reply> {
  const { headers } = call.request;
  const draft = draftOf(call, await jsonBody(call.request), headers['x-upload-content-type'] as string | undefined);
  const announced = headers['x-upload-content-length'];
  const { total } = announced === undefined ? {} : contentRange(`bytes */${announced}`);
  const id = crypto.randomUUID();
  const upload: Upload = { id, draft, content: String(site.store.next()), received: 0, total, startedAt: Date.now() };
  await site.store.write((tables) => {
    bucketOf(tables, draft.bucket);
    // Checked again at the end; this spares the client an upload in vain.
    checkPreconditions(draft.conditions, tables.object(draft.bucket, draft.name), 'write');
    tables.putUpload(upload);
  });
  const location = `${site.url}/upload/storage/v1/b/${draft.bucket}/o?uploadType=resumable&upload_id=${id}`;
  return { headers: { location, 'x-guploader-uploadid': id, 'content-length': 0 } };
}

/** `PUT …/o?upload_id=…`: more bytes, or `Content-Range: bytes ∗/∗` with none to ask how many have come. */
export const resumeUpload: Handler = async (site, { request, query }) => {
  const range = contentRange(request.headers['content-range']);
  const id = query.get('upload_id') ?? '';
  // Who only asks leaves the one that writes alone.
  if (range.start === undefined && range.total === undefined) return settle(site, await uploadOf(site, id), range, request);
  return inTurn(site, id, request, async (running) => {
    const upload = await uploadOf(site, id);
    return range.start === undefined ? settle(site, upload, range, request) : receive(site, upload, range, running, request);
  });
};

/** `DELETE …/o?upload_id=…` */
export const cancelUpload: Handler = async (site, { request, query }) => {
  const id = query.get('upload_id') ?? '';
  await inTurn(site, id, request, async () => drop(site, await uploadOf(site, id)));
  return { status: 499, headers: { 'content-length': 0 } };
};

async function uploadOf(site: Site, id: string): Promise<Upload> {
  const upload = await site.store.read((tables) => tables.upload(id));
  if (upload === undefined) throw new StorageError(404, 'notFound', 'No such upload session: it has ended, or never began.');
  return upload;
}

async function receive(
  site: Site,
  upload: Upload,
  range: ContentRange,
  running: Running,
  request: IncomingMessage,
): Promise<Reply> {
  if (upload.result !== undefined) return settle(site, upload, range, request);
  const { received, content, id } = upload;
  const { start = 0, end, total = upload.total } = range;
  const length = request.headers['content-length'];
  const wanted = end === undefined ? undefined : end - start + 1;
  if (length !== undefined && wanted !== undefined && Number(length) !== wanted)
    throw invalid(`There were ${length} byte(s) in the request body. There should have been ${wanted} according to Content-Range.`);
  if (start > received)
    throw invalid(`According to Content-Range the upload offset is ${start} byte(s), which exceeds the ${received} uploaded.`);
  if (running.size !== received) Object.assign(running, { size: received, hashes: await hashesOf(site, upload) });

  const save = (size: number) => site.store.write((tables) => tables.putUpload({ ...upload, received: size }));
  const fresh = freshBytes(request, received - start, (total ?? Infinity) - received);
  const size = await site.contents
    .append(content, fresh, { from: received, hashes: running.hashes, onDurable: save })
    .catch((error) => {
      // How far the checksums got is not known: they are made again from what was kept.
      running.size = -1;
      throw error;
    });
  running.size = size;
  const isLast = total === undefined && end === undefined;
  return settle(site, await uploadOf(site, id), isLast ? { total: size } : { ...range, total }, request);
}

/** Ends the upload where everything has come, else says how much has. */
async function settle(site: Site, upload: Upload, { total }: ContentRange, request: IncomingMessage): Promise<Reply> {
  const { id, content, received, draft, result } = upload;
  if (result !== undefined) return { json: objectResource(result, site.url) };
  if (received !== total) {
    const headers = { 'x-guploader-uploadid': id, 'content-length': 0 };
    return { status: 308, headers: received === 0 ? headers : { ...headers, range: `bytes=0-${received - 1}` } };
  }
  const running = site.running.get(id);
  const hashes = running?.size === received ? running.hashes : await hashesOf(site, upload);
  try {
    checkHashes(hashes, [draft.claimed, claimedIn(request.headers)]);
    const object = await storeObject(site, draft, { content, size: received, hashes }, (tables, stored) =>
      tables.putUpload({ ...upload, content: '', result: stored }),
    );
    site.running.delete(id);
    return { json: objectResource(object, site.url) };
  } catch (error) {
    // Wrong bytes, or a condition that no longer holds, will not do at another attempt either.
    if (error instanceof StorageError) await drop(site, upload);
    throw error;
  }
}

async function drop(site: Site, upload: Upload): Promise<void> {
  await change(site, (tables, unnamed) => {
    tables.removeUpload(upload.id);
    unnamed.push(upload.content);
  });
  site.running.delete(upload.id);
}

async function hashesOf(site: Site, { content, received }: Upload): Promise<Hashes> {
  const hashes = newHashes();
  if (received > 0) for await (const chunk of site.contents.read(content, { start: 0, end: received - 1 })) hashes.update(chunk);
  return hashes;
}
