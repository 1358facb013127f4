/** One object: its metadata read, changed and deleted. Source: cloud.google.com/storage/docs/json_api/v1/objects. */

import { download } from './download.ts';
import { checkPreconditions, preconditionsOf, wholeNumber } from './preconditions.ts';
import { type Fields, merged, objectResource, settableFields } from './resource.ts';
import { type Call, change, type Handler, jsonBody, type Reply, type Site, timestamp } from './site.ts';
import { bucketOf, erase, objectOf, retire } from './versions.ts';

export const getObject: Handler = async (site, call) => {
  const [bucket = '', name = ''] = call.names;
  const conditions = preconditionsOf(call.query);
  const generation = wholeNumber(call.query, 'generation');
  const isMedia = call.query.get('alt') === 'media';
  return site.store.read((tables): Reply => {
    const object = objectOf(tables, bucket, name, generation);
    checkPreconditions(conditions, object, 'read');
    // In the same turn: a version that is erased the next moment has its bytes open by then.
    return isMedia ? download(site, object, call.request.headers.range) : { json: objectResource(object, site.url) };
  });
};

/** `PATCH`: what is given is merged; null takes it away. */
export const patchObject: Handler = (site, call) => changeFields(site, call, merged);

/** `PUT`: what is not given is gone. */
export const updateObject: Handler = (site, call) =>
  changeFields(site, call, (before, given) => {
    const { crc32c, md5Hash, componentCount, timeCreated, timeStorageClassUpdated, timeFinalized, timeDeleted } = before;
    const kept = { crc32c, md5Hash, componentCount, timeCreated, timeStorageClassUpdated, timeFinalized, timeDeleted };
    return { ...kept, ...merged({}, given) };
  });

async function changeFields(site: Site, call: Call, apply: (before: Fields, given: Fields) => Fields): Promise<Reply> {
  const [bucket = '', name = ''] = call.names;
  const given = settableFields(await jsonBody(call.request));
  const conditions = preconditionsOf(call.query);
  const generation = wholeNumber(call.query, 'generation');
  const changed = await change(site, (tables) => {
    const before = objectOf(tables, bucket, name, generation);
    checkPreconditions(conditions, before, 'write');
    const fields = { ...apply(before.fields, given), updated: timestamp() };
    const after = { ...before, metageneration: before.metageneration + 1, fields };
    tables.putObject(after);
    return after;
  });
  return { json: objectResource(changed, site.url) };
}

/** The live version, by the bucket's rule; one of a named generation for good. */
export const deleteObject: Handler = async (site, call) => {
  const [bucket = '', name = ''] = call.names;
  const conditions = preconditionsOf(call.query);
  const generation = wholeNumber(call.query, 'generation');
  await change(site, (tables, unnamed) => {
    const object = objectOf(tables, bucket, name, generation);
    checkPreconditions(conditions, object, 'write');
    const remove = generation === undefined ? retire : erase;
    remove(tables, bucketOf(tables, bucket), object, unnamed);
  });
  return { status: 204 };
};
