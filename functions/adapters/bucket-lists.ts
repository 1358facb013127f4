import type { Bucket, FileMetadata, GetFilesOptions } from '@google-cloud/storage';
import type { BucketPlace } from '../core/bucket-path.ts';
import type { ProjectTree, TreeEntry } from '../core/ports.ts';
import { walk } from '../core/walk.ts';
import { entriesOf, type Found, type Listed } from './bucket-entries.ts';
import { LONGEST_CALL_MS, statusOf } from './storage-client.ts';
import { within } from './within.ts';

/** All of a project that the patterns do not ignore, as it is at one time. */
export interface Snapshot {
  readonly entries: ReadonlyMap<string, Found>;
  /** What is ignored: the highest paths only. */
  readonly kept: readonly string[];
}

/** The entries of one folder (`''` is the project). */
export async function listFolder(bucket: Bucket, place: BucketPlace, folder: string): Promise<Found[]> {
  const prefix = folder === '' ? place.prefix : `${place.prefix}${folder}/`;
  const listed = await listing(bucket, { prefix, delimiter: '/', includeTrailingDelimiter: true });
  return entriesOf(place, folder, listed, (object) => contentOf(bucket, object));
}

/** Lists everything at once: of many folders, one request for each thousand objects instead of one for each folder. */
export async function snapshotOf(bucket: Bucket, place: BucketPlace, patterns: readonly string[]): Promise<Snapshot> {
  const folders = byFolder(place, (await listing(bucket, { prefix: place.prefix })).objects);
  const all = new Map<string, Found>();
  const entries = new Map<string, Found>();
  const kept: string[] = [];
  const tree: Pick<ProjectTree, 'list'> = {
    async list(folder) {
      const listed = folders.get(folder) ?? { objects: [], prefixes: [] };
      const found = await entriesOf(place, folder, listed, (object) => contentOf(bucket, object));
      for (const one of found) all.set(one.entry.path, one);
      return found.map(({ entry }) => entry);
    },
  };
  const onIgnored = ({ path }: TreeEntry) => kept.push(path);
  const walked = walk(tree as ProjectTree, { patterns, gitignore: false, onIgnored });
  for await (const { path } of walked.entries) entries.set(path, all.get(path) as Found);
  return { entries, kept };
}

/** The objects of all folders, as a list of each one with a delimiter would give them. */
function byFolder({ prefix }: BucketPlace, objects: readonly FileMetadata[]): Map<string, Listed> {
  const folders = new Map<string, { readonly objects: FileMetadata[]; readonly prefixes: Set<string> }>();
  const at = (folder: string) => {
    const known = folders.get(folder) ?? { objects: [], prefixes: new Set() };
    folders.set(folder, known);
    return known;
  };
  for (const object of objects) {
    const path = (object.name as string).slice(prefix.length);
    let folder = '';
    for (let cut = path.indexOf('/'); cut >= 0; cut = path.indexOf('/', cut + 1)) {
      at(folder).prefixes.add(prefix + path.slice(0, cut + 1));
      if (cut === path.length - 1) at(folder).objects.push(object);
      folder = path.slice(0, cut);
    }
    if (!path.endsWith('/')) at(folder).objects.push(object);
  }
  return folders;
}

async function listing(bucket: Bucket, query: GetFilesOptions): Promise<{ objects: FileMetadata[]; prefixes: string[] }> {
  const objects: FileMetadata[] = [];
  const prefixes: string[] = [];
  for (let pageToken: string | undefined = ''; pageToken !== undefined; ) {
    // The query that the client gives for the next page would bring all of them. Typed without its last part.
    const page = bucket.getFiles({ ...query, autoPaginate: false, ...(pageToken && { pageToken }) });
    const [files, , reply] = (await within(LONGEST_CALL_MS, page)) as unknown as Page;
    objects.push(...files.map(({ metadata }) => metadata));
    prefixes.push(...(reply.prefixes ?? []));
    pageToken = reply.nextPageToken;
  }
  return { objects, prefixes };
}

type Page = [{ readonly metadata: FileMetadata }[], unknown, { readonly prefixes?: string[]; readonly nextPageToken?: string }];

/** Of a small object, at the generation that was listed; `undefined` when that is gone. */
export async function contentOf(bucket: Bucket, { name, generation }: FileMetadata): Promise<Buffer | undefined> {
  const file = bucket.file(name as string, { generation });
  return within(LONGEST_CALL_MS, file.download({ validation: 'crc32c', decompress: false })).then(
    ([content]) => content,
    (error) => {
      if (statusOf(error) === 404) return undefined;
      throw error;
    },
  );
}
