/**
 * Objects as the entries of a tree. A folder is what names have in common up to a slash, or an empty object whose name ends with one.
 * Modes and links stand in the objects' metadata, as gcsfuse, `gcloud storage` and the Storage Transfer Service keep them.
 *
 * Source: Cloud Storage FUSE, "Semantics"; Storage Transfer Service, "Metadata preservation".
 */

import { hash } from 'node:crypto';
import type { FileMetadata } from '@google-cloud/storage';
import { type BucketPlace, pathFlaw } from '../core/bucket-path.ts';
import { bytesOfPath } from '../core/path-text.ts';
import type { TreeEntry } from '../core/ports.ts';
import { WORK_PREFIX } from './bucket-place.ts';
import { unusable } from './bucket-problems.ts';

export const FILE_MODE = 0o644;
export const FOLDER_MODE = 0o755;
const MODE = 'goog-reserved-posix-mode';
/** Of an object whose content is the target. */
const LINK = 'goog-reserved-file-is-symlink';
/** Of gcsfuse's older links, which are empty. */
const LINK_TARGET = 'gcsfuse_symlink_target';
/** Source: gcsfuse, `symlink.go`. */
const TARGET_BYTES = 4095;

/** An entry, and the object that it stands for; a folder need not have one. */
export interface Found {
  readonly entry: TreeEntry;
  readonly object?: FileMetadata;
}

/** What a list gives of one folder. */
export interface Listed {
  readonly objects: readonly FileMetadata[];
  readonly prefixes: Iterable<string>;
}

/**
 * The entries of one folder, ordered by name. `content` reads a small object, a link's target, if it is still there. Throws `Problem`
 * `project_unreadable` that names an object which cannot be a file, a folder or a link at a relative path.
 */
export async function entriesOf(
  { bucket, prefix }: BucketPlace,
  folder: string,
  { objects, prefixes }: Listed,
  content: (object: FileMetadata) => Promise<Buffer | undefined>,
): Promise<Found[]> {
  const own = folder === '' ? prefix : `${prefix}${folder}/`;
  const found = new Map<string, Found>();
  const pathOf = (name: string) => {
    const path = name.slice(prefix.length).replace(/\/$/, '');
    const flaw = pathFlaw(path);
    if (flaw !== undefined) throw unusable(bucket, name, flaw);
    return path;
  };
  for (const name of prefixes) {
    if (name === WORK_PREFIX) continue;
    const path = pathOf(name);
    found.set(path, { entry: { kind: 'folder', path, mode: FOLDER_MODE } });
  }
  for (const object of objects) {
    const name = object.name as string;
    if (name === WORK_PREFIX) continue;
    if (name.endsWith('/') && Number(object.size) > 0) throw unusable(bucket, name, 'is a folder by its name, and has content');
    if (name === own) continue;
    const path = pathOf(name);
    if (name.endsWith('/')) {
      found.set(path, { entry: { kind: 'folder', path, mode: modeOf(object) ?? FOLDER_MODE }, object });
    } else if (found.has(path)) throw unusable(bucket, name, 'is a file and a folder at once');
    else {
      const entry = await entryOf(bucket, path, object, content);
      if (entry !== undefined) found.set(path, { entry, object });
    }
  }
  return [...found.values()].sort((a, b) => (a.entry.path < b.entry.path ? -1 : 1));
}

async function entryOf(
  bucket: string,
  path: string,
  object: FileMetadata,
  content: (object: FileMetadata) => Promise<Buffer | undefined>,
): Promise<TreeEntry | undefined> {
  const { size, metadata } = object;
  const isStandard = String(metadata?.[LINK]).toLowerCase() === 'true';
  const target = metadata?.[LINK_TARGET];
  if (isStandard) {
    if (Number(size) > TARGET_BYTES) throw unusable(bucket, object.name as string, 'is a link with too long a target');
    // Ours say it twice, which spares a request.
    const isSaidTwice = typeof target === 'string' && hash('md5', target, 'base64') === object.md5Hash;
    const bytes = isSaidTwice ? Buffer.from(target) : await content(object);
    // Removed between two looks.
    return bytes && linkOf(bucket, path, object, textOf(bucket, object, bytes));
  }
  if (typeof target === 'string' && Number(size) === 0) return linkOf(bucket, path, object, target);
  if (target !== undefined) throw unusable(bucket, object.name as string, 'is a link by its metadata, and has content');
  return { kind: 'file', path, mode: modeOf(object) ?? FILE_MODE, size: Number(size), stamp: stampOf(object), settled: true };
}

function linkOf(bucket: string, path: string, object: FileMetadata, target: string): TreeEntry {
  if (target === '' || target.includes('\0')) throw unusable(bucket, object.name as string, 'is a link to nothing');
  return { kind: 'link', path, target };
}

function textOf(bucket: string, object: FileMetadata, bytes: Buffer): string {
  const text = bytes.toString('utf8');
  if (!Buffer.from(text).equals(bytes)) throw unusable(bucket, object.name as string, 'is a link to what is no text');
  return text;
}

/** Changes with every writing of the content, and of the metadata: no two versions of an object share a generation. */
export const stampOf = ({ generation, metageneration }: FileMetadata): string => `${generation}.${metageneration}`;

/** The generation of a stamp: what the content depends on. */
export const generationOf = (stamp: string): string => stamp.split('.', 1)[0] as string;

/** Written in octal digits, by some with the bits of the kind of file. */
function modeOf({ metadata }: FileMetadata): number | undefined {
  const text = metadata?.[MODE];
  return typeof text === 'string' && /^[0-7]{1,7}$/.test(text) ? Number.parseInt(text, 8) & 0o7777 : undefined;
}

/** The metadata of an object that is to have this mode, and is no link whatever it was. */
export function withMode(before: FileMetadata['metadata'], mode: number, usual: number): Record<string, string> {
  const { [MODE]: _mode, [LINK]: _link, [LINK_TARGET]: _target, ...others } = (before ?? {}) as Record<string, string>;
  return mode === usual ? others : { ...others, [MODE]: mode.toString(8) };
}

/** What sets the mode of an object and leaves the rest of its metadata. */
export const modeAlone = (mode: number): Record<string, string> => ({ [MODE]: mode.toString(8) });

/** A link as an object: to be read by what knows links of either kind. */
export function linkObject(target: string): { readonly content: Buffer; readonly metadata: Record<string, string> } {
  const content = bytesOfPath(target);
  return { content, metadata: { [LINK]: 'true', ...(target.isWellFormed() && { [LINK_TARGET]: target }) } };
}
