import type { BigIntStats } from 'node:fs';
import { type FileHandle, lstat, readdir, readlink } from 'node:fs/promises';
import { Problem } from '../core/errors.ts';
import { textOfPath } from '../core/path-text.ts';
import { FileChanged, type FileEntry, type ProjectTree, type ProjectTrees, type TreeEntry } from '../core/ports.ts';
import { below, GONE, openInside, WORK_PREFIX } from './folder-open.ts';
import { placeInRoots } from './folder-place.ts';

const PIECE_BYTES = 1_048_576;
/** File systems keep times by a tick of their own; the coarsest in use (FAT) is two seconds. */
const SETTLED_AFTER_MS = 2_500;
const PERMISSIONS = 0o7777;

/**
 * Projects as local folders inside the roots. A project's content is reached below its real path alone: no link is followed, also
 * none that appears between a look and the opening. Hard links are read as files of their own. `state` is a folder of this
 * installation, for what has to survive a crash.
 */
export function folderTrees({ roots, state }: { readonly roots: readonly string[]; readonly state: string }): ProjectTrees {
  // Loaded when it is used: few functions replace a project, and all have to start.
  const replacements = async () => (await import('./folder-replacement.ts')).folderReplacements(state);
  return {
    resolve: (projectPath) => placeInRoots(roots, projectPath),
    open: async (projectPath) => folderTree(await placeInRoots(roots, projectPath)),
    replace: async (tree, patterns) => (await replacements()).replace(tree, patterns),
    recover: async () => (await replacements()).recover(),
  };
}

/**
 * The tree of a folder, whose path is real. Throws `Problem` 409 `project_changed` once that folder is gone, or another one or a link
 * stands in its place: what is read of one that goes would look like one that is nearly empty.
 */
export function folderTree(root: string): ProjectTree {
  let first: BigIntStats | undefined;

  async function checkRoot(): Promise<void> {
    const found = await lstat(root, { bigint: true }).catch(() => undefined);
    const now = found?.isDirectory() ? found : undefined;
    first ??= now;
    if (first === undefined || now === undefined || !isSameFolder(first, now)) throw replaced();
  }

  /** Of a folder that is gone. The project itself can only have been replaced. */
  async function none(folder: string): Promise<[]> {
    if (folder === '') throw replaced();
    await checkRoot();
    return [];
  }

  return {
    projectPath: root,

    async list(folder) {
      try {
        if (first === undefined) await checkRoot();
        const handle = await openInside(root, folder, 'folder');
        if (handle === undefined) return await none(folder);
        try {
          const listed = await readdir(below(handle, root, folder, '.'), { encoding: 'buffer' }).catch(unlessGone);
          if (listed === undefined) return await none(folder);
          const names = listed.map(textOfPath).sort(byText);
          const found = await Promise.all(names.map((name) => entryOf(handle, root, folder, name)));
          await checkRoot();
          return found.filter((entry) => entry !== undefined);
        } finally {
          await handle.close();
        }
      } catch (error) {
        throw unreadable(folder, error);
      }
    },

    async *read(file, { pieceBytes = PIECE_BYTES } = {}) {
      const handle = await openInside(root, file.path, 'file').catch((error) => {
        throw unreadable(file.path, error);
      });
      if (handle === undefined) throw changed(file);
      try {
        // One that is read in one go shows at the end whether it has changed since it was listed.
        if (file.size > pieceBytes) await checkStamp(handle, file);
        for (let at = 0; at < file.size; at += pieceBytes) {
          const bytes = Math.min(pieceBytes, file.size - at);
          yield await piece(handle, file, at, bytes).catch((error) => notAsListed(handle, file, error));
        }
        await checkStamp(handle, file);
      } finally {
        await handle.close();
      }
    },
  };
}

/** What is open may have been removed since. */
function unlessGone(error: unknown): undefined {
  if (!GONE.includes((error as NodeJS.ErrnoException).code ?? '')) throw error;
}

/**
 * The number of a folder that was removed goes to the next one, so that the time of birth decides as well. Where the system tells
 * none, that of the last change stands in its place, which says nothing here.
 */
function isSameFolder(a: BigIntStats, b: BigIntStats): boolean {
  const isKept = [a, b].some(({ birthtimeNs, ctimeNs }) => birthtimeNs !== ctimeNs);
  return a.dev === b.dev && a.ino === b.ino && (!isKept || a.birthtimeNs === b.birthtimeNs);
}

/** As `list` of such a tree, but only what a folder itself says of its entries; in no order. */
export async function kindsIn(root: string, folder: string): Promise<Pick<TreeEntry, 'path' | 'kind'>[]> {
  try {
    const handle = await openInside(root, folder, 'folder');
    if (handle === undefined) return [];
    try {
      const options = { encoding: 'buffer', withFileTypes: true } as const;
      const found = await readdir(below(handle, root, folder, '.'), options).catch(unlessGone);
      if (found === undefined) return [];
      return found.map((entry) => {
        const name = textOfPath(entry.name);
        const path = folder === '' ? name : `${folder}/${name}`;
        return { path, kind: name.startsWith(WORK_PREFIX) ? 'special' : kindOf(entry) };
      });
    } finally {
      await handle.close();
    }
  } catch (error) {
    throw unreadable(folder, error);
  }
}

function kindOf(entry: Pick<BigIntStats, 'isDirectory' | 'isFile' | 'isSymbolicLink'>): TreeEntry['kind'] {
  if (entry.isDirectory()) return 'folder';
  if (entry.isFile()) return 'file';
  return entry.isSymbolicLink() ? 'link' : 'special';
}

async function entryOf(handle: FileHandle, root: string, folder: string, name: string): Promise<TreeEntry | undefined> {
  const path = folder === '' ? name : `${folder}/${name}`;
  const place = below(handle, root, folder, name);
  try {
    const found = await lstat(place, { bigint: true });
    const mode = Number(found.mode) & PERMISSIONS;
    if (name.startsWith(WORK_PREFIX)) return { kind: 'special', path };
    if (found.isDirectory()) return { kind: 'folder', path, mode };
    if (found.isFile()) {
      const settled = Number(found.ctimeMs) < Date.now() - SETTLED_AFTER_MS;
      return { kind: 'file', path, mode, size: Number(found.size), stamp: stampOf(found), settled };
    }
    if (!found.isSymbolicLink()) return { kind: 'special', path };
    return { kind: 'link', path, target: textOfPath(await readlink(place, 'buffer')) };
  } catch (error) {
    // Removed, or replaced by another kind, between two looks.
    if ([...GONE, 'EINVAL'].includes((error as NodeJS.ErrnoException).code ?? '')) return undefined;
    throw unreadable(path, error);
  }
}

/** A programme may set the time of a change of content; that of a change of the inode, which comes last, it cannot. */
export function stampOf({ dev, ino, size, mtimeNs, ctimeNs }: BigIntStats): string {
  return [dev, ino, size, mtimeNs, ctimeNs].map((value) => value.toString(36)).join('.');
}

async function checkStamp(handle: FileHandle, file: FileEntry): Promise<void> {
  if (stampOf(await handle.stat({ bigint: true })) !== file.stamp) throw changed(file);
}

/** What cannot be read may have become something else: a folder, a pipe. */
async function notAsListed(handle: FileHandle, file: FileEntry, error: unknown): Promise<never> {
  await checkStamp(handle, file);
  throw error;
}

/** One piece, whole: a read may give less than it was asked for. */
async function piece(handle: FileHandle, file: FileEntry, at: number, bytes: number): Promise<Buffer> {
  const buffer = Buffer.allocUnsafeSlow(bytes);
  for (let filled = 0; filled < bytes; ) {
    const { bytesRead } = await handle.read(buffer, filled, bytes - filled, at + filled);
    if (bytesRead === 0) throw changed(file);
    filled += bytesRead;
  }
  return buffer;
}

const replaced = () => new Problem(409, 'project_changed', "The project's folder was moved or replaced while it was read.");

const changed = ({ path }: FileEntry) => new FileChanged(`${JSON.stringify(path)} changed while it was read.`);

function unreadable(path: string, cause: unknown): unknown {
  if (cause instanceof Problem || cause instanceof FileChanged) return cause;
  const { code = 'error' } = cause as NodeJS.ErrnoException;
  const where = path === '' ? 'The project' : JSON.stringify(path);
  return new Problem(422, 'project_unreadable', `${where} cannot be read (${code}).`, { cause });
}

const byText = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);
