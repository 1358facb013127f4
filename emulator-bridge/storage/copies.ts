/** Objects made of others. Source: cloud.google.com/storage/docs/json_api/v1/objects/rewrite, …/copy, …/compose. */

import { draftOf } from './draft.ts';
import { invalid } from './errors.ts';
import { newHashes } from './hashes.ts';
import { checkPreconditions, preconditionsOf, wholeNumber } from './preconditions.ts';
import { type Fields, merged, objectResource, type StoredObject, settableFields } from './resource.ts';
import { type Call, change, type Handler, jsonBody, type Site } from './site.ts';
import { checkObjectName, newVersion, objectOf, putVersion } from './versions.ts';

const MOST_COMPONENTS = 32;

export const copyObject: Handler = async (site, call) => ({ json: objectResource(await copied(site, call), site.url) });

/** Always done in one call: nothing has to be moved, the two share their bytes. */
export const rewriteObject: Handler = async (site, call) => {
  const object = await copied(site, call);
  const size = String(object.size);
  const resource = objectResource(object, site.url);
  return { json: { kind: 'storage#rewriteResponse', totalBytesRewritten: size, objectSize: size, done: true, resource } };
};

async function copied(site: Site, { names, query, request }: Call): Promise<StoredObject> {
  const [fromBucket = '', fromName = '', bucket = '', toName] = names;
  const name = checkObjectName(toName);
  const given = settableFields(await jsonBody(request));
  const generation = wholeNumber(query, 'sourceGeneration');
  const ofSource = preconditionsOf(query, 'ifSource');
  const conditions = preconditionsOf(query);
  return change(site, (tables, unnamed) => {
    const source = objectOf(tables, fromBucket, fromName, generation);
    checkPreconditions(ofSource, source, 'write');
    const { timeDeleted, ...fields } = source.fields;
    const { content, size } = source;
    const copy = newVersion(site, { bucket, name, content, size, fields: merged(fields, given) });
    putVersion(tables, copy, conditions, unnamed);
    return copy;
  });
}

/** Up to 32 objects of one bucket, one behind the other. Like Cloud Storage's, the result has no MD5. */
export const composeObject: Handler = async (site, call) => {
  const [bucket = '', name = ''] = call.names;
  const { destination, sourceObjects } = await jsonBody(call.request);
  const { fields, conditions } = draftOf({ ...call, query: withName(call.query, name) }, (destination ?? {}) as Fields, undefined);
  const wanted = componentsOf(sourceObjects);
  const sources = await site.store.read((tables) => {
    const found = wanted.map(({ name: source, generation, conditions: ofSource }) => {
      const object = objectOf(tables, bucket, source, generation);
      checkPreconditions(ofSource, object, 'write');
      return object;
    });
    // Opened once all are there, in the same turn: what is erased the next moment is still read.
    return found.map((object) => ({ ...object, stream: site.contents.read(object.content) }));
  });
  const content = String(site.store.next());
  const hashes = newHashes();
  try {
    const size = await site.contents.append(content, inOrder(sources), { hashes });
    const componentCount = sources.reduce((sum, { fields: { componentCount: count = 1 } }) => sum + Number(count), 0);
    const composed = { ...fields, crc32c: hashes.crc32c(), componentCount };
    const object = await change(site, (tables, unnamed) => {
      const next = newVersion(site, { bucket, name, content, size, fields: composed });
      putVersion(tables, next, conditions, unnamed);
      return next;
    });
    return { json: objectResource(object, site.url) };
  } catch (error) {
    await site.contents.remove(content);
    throw error;
  } finally {
    for (const { stream } of sources) stream.destroy();
  }
};

async function* inOrder(sources: readonly { readonly stream: AsyncIterable<Buffer> }[]): AsyncGenerator<Buffer> {
  for (const { stream } of sources) yield* stream;
}

function componentsOf(given: unknown) {
  if (!Array.isArray(given) || given.length === 0 || given.length > MOST_COMPONENTS)
    throw invalid(`sourceObjects must name 1 to ${MOST_COMPONENTS} objects.`);
  return given.map((one: { name?: unknown; generation?: unknown; objectPreconditions?: Fields }) => {
    const numbers = new URLSearchParams(JSON.parse(JSON.stringify({ generation: one.generation, ...one.objectPreconditions })));
    return {
      name: checkObjectName(one.name),
      generation: wholeNumber(numbers, 'generation'),
      conditions: preconditionsOf(numbers),
    };
  });
}

function withName(query: URLSearchParams, name: string): URLSearchParams {
  const named = new URLSearchParams(query);
  named.set('name', name);
  return named;
}
