import { link, lstat, rm } from 'node:fs/promises';
import { crew } from '../core/backups/ahead.ts';
import { Problem } from '../core/errors.ts';
import { FileChanged, type FileEntry } from '../core/ports.ts';
import { GONE, placeOf } from './folder-open.ts';
import { folderTree, stampOf } from './folder-tree.ts';

/** Links at once. */
const LINKS = 8;
/** Not here: another file system begins in between, this one has no links or no more of them, or the file is another user's. */
const UNLINKABLE = ['EXDEV', 'EPERM', 'EACCES', 'EMLINK', 'ENOSYS', 'ENOTSUP', 'EOPNOTSUPP'];

/** A file of the project that is what the new tree is to hold at its path, known by its stamp. */
export interface SameFile {
  readonly path: string;
  readonly mode: number;
  readonly stamp: string;
}

/** Whether the project has a file of this stamp: its inode is in it, so that no other can stand for it. */
export async function isSame(project: string, { path, stamp }: Pick<SameFile, 'path' | 'stamp'>): Promise<boolean> {
  return (await look(project, path))?.stamp === stamp;
}

/**
 * Gives the new tree the files that it shares with the old one by links: nothing is read, written or synced for them, and they keep
 * their times and owners. Where that cannot be, `write` copies one. Throws `Problem` 409 `project_changed` for one that has changed;
 * a link alters a file's time of change, which therefore is compared before it and all the rest of the stamp after it.
 */
export async function linkSame(
  { project, fresh }: { readonly project: string; readonly fresh: string },
  files: readonly SameFile[],
  write: (path: string, mode: number, content: AsyncIterable<Buffer>) => Promise<void>,
): Promise<void> {
  const links = crew(LINKS);
  for (const file of files) {
    await links.add(async () => {
      const { path, mode, stamp } = file;
      const found = await look(project, path);
      if (found?.stamp !== stamp) throw changed(path);
      try {
        await link(placeOf(project, path), placeOf(fresh, path));
      } catch (error) {
        const { code = '' } = error as NodeJS.ErrnoException;
        if (GONE.includes(code)) throw changed(path);
        if (!UNLINKABLE.includes(code)) throw error;
        return write(path, mode, folderTree(project).read(found)).catch((cause) => {
          throw cause instanceof FileChanged ? changed(path) : cause;
        });
      }
      if (withoutChangeTime((await look(fresh, path))?.stamp) === withoutChangeTime(stamp)) return;
      await rm(placeOf(fresh, path), { force: true });
      throw changed(path);
    });
  }
  await links.end();
}

async function look(root: string, path: string): Promise<FileEntry | undefined> {
  const found = await lstat(placeOf(root, path), { bigint: true }).catch(() => undefined);
  if (!found?.isFile()) return undefined;
  const [mode, size] = [Number(found.mode) & 0o7777, Number(found.size)];
  return { kind: 'file', path, mode, size, stamp: stampOf(found), settled: true };
}

const withoutChangeTime = (stamp = ''): string => stamp.slice(0, stamp.lastIndexOf('.'));

const changed = (path: string): Problem =>
  new Problem(409, 'project_changed', `${JSON.stringify(path)} has changed during the rollback. Nothing was rolled back.`);
