import { chmod, lstat, mkdir, rename } from 'node:fs/promises';
import { ignoreRules } from '../core/ignore-rules.ts';
import { placeOf } from './folder-open.ts';
import { kindsIn } from './folder-tree.ts';

const OWNER = 0o700;

/** The first path that stays and has no place in the new tree, since something that is no folder stands above it or in its place. */
export async function inTheWay(old: string, fresh: string, patterns: readonly string[]): Promise<string | undefined> {
  for (const path of await kept(old, patterns)) if (!(await hasPlace(fresh, path))) return path;
  return undefined;
}

/**
 * Moves what is ignored or special from one tree into the other; what was moved before is not there any more. False when
 * something had no place and is still there.
 */
export async function moveKept(old: string, fresh: string, patterns: readonly string[]): Promise<boolean> {
  let isAll = true;
  for (const path of await kept(old, patterns)) {
    if (!(await hasPlace(fresh, path))) {
      isAll = false;
      continue;
    }
    const folders = parents(path);
    for (const folder of folders) await makeFolder(old, fresh, folder);
    await withParent(old, path, () => withParent(fresh, path, () => rename(placeOf(old, path), placeOf(fresh, path))));
  }
  return isAll;
}

/** The highest paths only: a folder that stays does so with all that is in it. Kinds and names are enough to know them. */
async function kept(old: string, patterns: readonly string[]): Promise<string[]> {
  const paths: string[] = [];
  const rules = ignoreRules(patterns);
  const look = async (folder: string): Promise<void> => {
    for (const { path, kind } of await kindsIn(old, folder)) {
      if (kind === 'special' || rules.ignores(path, kind === 'folder')) paths.push(path);
      else if (kind === 'folder') await look(path);
    }
  };
  await look('');
  return paths;
}

async function hasPlace(fresh: string, path: string): Promise<boolean> {
  for (const folder of parents(path)) {
    const found = await look(fresh, folder);
    if (found === undefined) return true;
    if (!found.isDirectory()) return false;
  }
  return (await look(fresh, path)) === undefined;
}

/** A folder that came later, and holds something that stays, stays as well. */
async function makeFolder(old: string, fresh: string, path: string): Promise<void> {
  if ((await look(fresh, path)) !== undefined) return;
  const { mode } = await lstat(placeOf(old, path));
  await mkdir(placeOf(fresh, path));
  await chmod(placeOf(fresh, path), mode & 0o7777);
}

/** Lets its owner write to a folder for a moment. */
async function withParent(root: string, path: string, work: () => Promise<void>): Promise<void> {
  const folder = placeOf(root, parents(path).at(-1) ?? '');
  const { mode } = await lstat(folder);
  const isClosed = (mode & OWNER) !== OWNER;
  if (isClosed) await chmod(folder, (mode & 0o7777) | OWNER);
  await work();
  if (isClosed) await chmod(folder, mode & 0o7777);
}

const look = (root: string, path: string) => lstat(placeOf(root, path)).catch(() => undefined);

/** `a/b/c` lies in `a` and `a/b`. */
function parents(path: string): string[] {
  const parts = path.split('/').slice(0, -1);
  return parts.map((_, index) => parts.slice(0, index + 1).join('/'));
}
