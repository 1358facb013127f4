import type { BigIntStats, Dirent } from 'node:fs';
import { lstat, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { ListedObject } from '../core/ports.ts';

interface Asked {
  readonly prefix: string;
  /** The last name of the page before. */
  readonly cursor: string;
  readonly limit: number;
}

/**
 * A page of the files below `folder` as objects, in the order of their whole names' bytes. Links and names that an object cannot
 * have are no objects.
 */
export async function listFolder(
  folder: string,
  isName: (part: string) => boolean,
  { prefix, cursor, limit }: Asked,
): Promise<{ objects: ListedObject[]; next?: string }> {
  const objects: ListedObject[] = [];
  // Only what is below the prefix's last folder can begin with it.
  const start = prefix.slice(0, prefix.lastIndexOf('/') + 1);
  if (
    start
      .split('/')
      .slice(0, -1)
      .some((part) => !isName(part) || part === '' || part === '.' || part === '..')
  )
    return { objects };

  for await (const name of names(folder, start)) {
    const found = await lstat(join(folder, name), { bigint: true }).catch(() => undefined);
    if (!found?.isFile()) continue;
    if (objects.length === limit) return { objects, next: objects.at(-1)?.name ?? cursor };
    objects.push({ name, bytes: Number(found.size), writtenAt: Number(found.mtimeMs), version: versionOf(found) });
  }
  return { objects };

  async function* names(parent: string, at: string): AsyncGenerator<string> {
    for (const entry of await entriesOf(join(parent, at))) {
      const name = `${at}${entry.name}`;
      if (!isName(entry.name.replace(/\/$/, ''))) continue;
      // Of a folder, whether anything in it can be wanted; of a file, whether it is.
      if (
        entry.isFolder ? isBeside(name, prefix) || endsBefore(name, cursor) : !name.startsWith(prefix) || order(name, cursor) <= 0
      )
        continue;
      if (entry.isFolder) yield* names(parent, name);
      else yield name;
    }
  }
}

/** Every writing makes a file of its own. */
export const versionOf = ({ ino, mtimeNs }: BigIntStats): string => `${ino}.${mtimeNs}`;

/** A folder's name with its `/`, which stands in the names of all that is in it: so they are in the order of whole names. */
async function entriesOf(folder: string): Promise<{ name: string; isFolder: boolean }[]> {
  const found = await readdir(folder, { withFileTypes: true }).catch((error): Dirent[] => {
    if (['ENOENT', 'ENOTDIR'].includes(error.code)) return [];
    throw error;
  });
  const entries = found.flatMap((entry) => {
    if (entry.isDirectory()) return [{ name: `${entry.name}/`, isFolder: true }];
    return entry.isFile() ? [{ name: entry.name, isFolder: false }] : [];
  });
  return entries.sort((a, b) => order(a.name, b.name));
}

const isBeside = (folder: string, prefix: string): boolean => !folder.startsWith(prefix) && !prefix.startsWith(folder);

const endsBefore = (folder: string, cursor: string): boolean => !cursor.startsWith(folder) && order(folder, cursor) < 0;

function order(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}
