/**
 * The files of this machine that tools may look at: those inside the roots, all links resolved first. What is there may be exchanged
 * for a link or a pipe at any moment, so the place is checked on what was opened; nothing is ever waited for at its opening.
 */

import type { BigIntStats } from 'node:fs';
import { type FileHandle, lstat, readdir, realpath } from 'node:fs/promises';
import { isAbsolute } from 'node:path';
import { Problem } from '../core/errors.ts';
import { bytesOfPath, textOfPath } from '../core/path-text.ts';
import type { HostEntry, HostFiles } from '../core/ports.ts';
import { below, GONE, openInside, placeOf } from './folder-open.ts';
import { deepestFolder, isWithin } from './folder-place.ts';

/** How many entries of a folder are looked at at a time. */
const AT_ONCE = 64;

/** `hidden` folders are outside, whichever root they lie in. */
export function hostFiles({ roots, hidden }: { readonly roots: readonly string[]; readonly hidden: readonly string[] }): HostFiles {
  return {
    async list(given, limit) {
      const path = await realPathInside(roots, hidden, given);
      const handle = await opened(path, 'folder');
      try {
        const found = await readdir(below(handle, path, '', '.'), { encoding: 'buffer' }).catch((error) => failed(path, error));
        const names = found.map(textOfPath).sort(byText);
        const entries: HostEntry[] = [];
        for (let at = 0; at < Math.min(limit, names.length); at += AT_ONCE) {
          const some = names.slice(at, Math.min(limit, at + AT_ONCE));
          const looked = await Promise.all(some.map((name) => entryOf(below(handle, path, '', name), name)));
          entries.push(...looked.filter((entry) => entry !== undefined));
        }
        return { path, entries, total: names.length };
      } finally {
        await handle.close();
      }
    },

    async read(given, maxBytes) {
      const path = await realPathInside(roots, hidden, given);
      const handle = await opened(path, 'file');
      try {
        const { size } = await handle.stat();
        return { path, size, bytes: await firstBytes(handle, maxBytes).catch((error) => failed(path, error)) };
      } finally {
        await handle.close();
      }
    },
  };
}

/** Outside of the roots nothing is told of what is there. */
async function realPathInside(roots: readonly string[], hidden: readonly string[], path: string): Promise<string> {
  if (roots.length === 0) {
    const advice = 'name folders in the setting toolRoots (ORCHESTRATOR_TOOL_ROOTS). In the cloud there are none.';
    throw new Problem(422, 'no_roots', `No folder may be looked into here: ${advice}`);
  }
  if (!isAbsolute(path) || path.includes('\0')) throw new Problem(422, 'path_invalid', 'path has to be an absolute path.');
  const [realRoots, realHidden] = await Promise.all([realOnes(roots), realOnes(hidden)]);
  const isInside = (real: string) =>
    realRoots.some((root) => isWithin(root, real)) && !realHidden.some((folder) => isWithin(folder, real));
  const real = await realpath(bytesOfPath(path), 'buffer').then(textOfPath, () => undefined);
  if (real === undefined && isInside(await deepestFolder(path))) throw notFound(path);
  if (real === undefined || !isInside(real))
    throw new Problem(403, 'outside_roots', 'path is not inside a folder that may be looked into (toolRoots).');
  return real;
}

async function realOnes(folders: readonly string[]): Promise<string[]> {
  const found = await Promise.all(folders.map((folder) => realpath(folder).catch(() => undefined)));
  return found.filter((folder) => folder !== undefined);
}

/** Looked at first: to open a device may do something to it. */
async function opened(path: string, kind: 'file' | 'folder'): Promise<FileHandle> {
  const isKind = (found: Pick<BigIntStats, 'isFile' | 'isDirectory'>) => (kind === 'file' ? found.isFile() : found.isDirectory());
  const wrongKind = () => new Problem(422, `not_a_${kind}`, `There is something at ${JSON.stringify(path)}, but no ${kind}.`);
  const found = await lstat(placeOf(path, '')).catch((error) => failed(path, error));
  if (!isKind(found)) throw wrongKind();
  const handle = await openInside(path, '', kind).catch((error) => failed(path, error));
  if (handle === undefined) throw notFound(path);
  const stats = await handle.stat();
  if (isKind(stats)) return handle;
  await handle.close();
  throw wrongKind();
}

async function entryOf(place: string | Buffer, name: string): Promise<HostEntry | undefined> {
  const found = await lstat(place).catch((error) => {
    if (GONE.includes(error.code)) return undefined;
    return failed(name, error);
  });
  if (found === undefined) return undefined;
  if (found.isDirectory()) return { name, kind: 'folder', modifiedAt: found.mtimeMs };
  if (found.isFile()) return { name, kind: 'file', size: found.size, modifiedAt: found.mtimeMs };
  return { name, kind: found.isSymbolicLink() ? 'link' : 'special', modifiedAt: found.mtimeMs };
}

/** By what there is to read, not by the size that was told: a file may grow meanwhile, and some tell none. */
async function firstBytes(handle: FileHandle, maxBytes: number): Promise<Buffer> {
  const pieces: Buffer[] = [];
  let bytes = 0;
  while (bytes < maxBytes) {
    const piece = Buffer.allocUnsafeSlow(Math.min(PIECE_BYTES, maxBytes - bytes));
    const { bytesRead } = await handle.read(piece, 0, piece.length, bytes);
    if (bytesRead === 0) break;
    pieces.push(piece.subarray(0, bytesRead));
    bytes += bytesRead;
  }
  return Buffer.concat(pieces);
}

const PIECE_BYTES = 1_048_576;

function failed(path: string, cause: NodeJS.ErrnoException): never {
  if (GONE.includes(cause.code ?? '')) throw notFound(path);
  throw new Problem(422, 'unreadable', `${JSON.stringify(path)} cannot be read (${cause.code ?? 'error'}).`, { cause });
}

const notFound = (path: string) => new Problem(404, 'not_found', `There is nothing at ${JSON.stringify(path)}, or no more.`);

const byText = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);
