import { type BigIntStats, constants } from 'node:fs';
import { type FileHandle, open, readlink, realpath, stat } from 'node:fs/promises';
import { bytesOfPath, textOfPath } from '../core/path-text.ts';

/** What is opened may have become a pipe meanwhile, whose opening would wait for its writer. */
const FLAGS = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;

/** What a rollback builds beside a project. Where projects lie within each other, it is no part of the outer one. */
export const WORK_PREFIX = '.heliograph-restore-';

/** What there is no more, or what is there instead is not what was asked for. */
export const GONE = ['ENOENT', 'ENOTDIR', 'ELOOP', 'ENXIO'];

/**
 * Opens `<root>/<path>` for reading without following a link anywhere below the root; `undefined` where there is none. `root` has
 * no links in it. Any part may be exchanged for a link at any moment, so the place is checked on what was opened, not before.
 */
export async function openInside(root: string, path: string, kind: 'file' | 'folder'): Promise<FileHandle | undefined> {
  const place = placeOf(root, path);
  const handle = await open(place, kind === 'folder' ? FLAGS | constants.O_DIRECTORY : FLAGS).catch((error) => {
    if (GONE.includes(error.code)) return undefined;
    throw error;
  });
  if (handle === undefined) return undefined;
  try {
    if (await isAt(handle, place)) return handle;
  } catch (error) {
    await handle.close();
    throw error;
  }
  await handle.close();
  return undefined;
}

/** A path as the system takes it: as bytes where the text stands for some that are not UTF-8. */
export function placeOf(root: string, path: string): string | Buffer {
  const place = path === '' ? root : `${root}/${path}`;
  return place.isWellFormed() ? place : bytesOfPath(place);
}

/** A name below an open folder: on Linux through the open folder itself, whatever stands at its path by now. */
export function below(handle: FileHandle, root: string, folder: string, name: string): string | Buffer {
  if (process.platform === 'linux') return placeOf(`/proc/self/fd/${handle.fd}`, name);
  return placeOf(root, folder === '' ? name : `${folder}/${name}`);
}

/** Whether the open file is the one at this very place, reached without a link. */
async function isAt(handle: FileHandle, place: string | Buffer): Promise<boolean> {
  if (process.platform === 'linux') {
    const opened = await readlink(`/proc/self/fd/${handle.fd}`, 'buffer');
    return opened.equals(Buffer.from(place as string));
  }
  const real = await realpath(place, 'buffer').catch(() => undefined);
  if (real === undefined || textOfPath(real) !== textOfPath(Buffer.from(place as string))) return false;
  const [expected, found] = await Promise.all([stat(place, { bigint: true }), handle.stat({ bigint: true })]);
  return sameFile(expected, found);
}

const sameFile = (a: BigIntStats, b: BigIntStats): boolean => a.dev === b.dev && a.ino === b.ino;
