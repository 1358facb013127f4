import { randomBytes } from 'node:crypto';
import { constants } from 'node:fs';
import { link, lstat, mkdir, open, readdir, rename, rm, stat, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { Problem } from '../core/errors.ts';
import type { Objects } from '../core/ports.ts';
import { writeAtomically } from './atomic-file.ts';
import { listFolder, versionOf } from './list-files.ts';
import { objectNameParts, objectTooLarge } from './object-name.ts';

/** No bucket's name begins with a dot. */
const PARTIALS = '.partial';
const ABANDONED_AFTER_MS = 3_600_000;

/**
 * Object storage in a folder: `<folder>/<bucket>/<name>`. Nothing is read or written through a symbolic link. Unlike in Cloud
 * Storage, `a` and `a/b` cannot both exist: `Problem` `object_conflict`. A bad name is `invalid_object_name`.
 */
export function fileObjects({ folder }: { readonly folder: string }): Objects {
  let cleaned: Promise<void> | undefined;
  const partials = join(folder, PARTIALS);

  return {
    async put(bucket, name, bytes, { ifAbsent = false } = {}) {
      const parts = partsOf(bucket, name);
      cleaned ??= removeAbandoned(partials);
      await cleaned;
      await mkdir(folder, { recursive: true, mode: 0o700 });
      try {
        await makeFolders(folder, parts.slice(0, -1));
        return await writeAtomically(join(folder, ...parts), bytes, { partials, ifAbsent });
      } catch (cause) {
        if (!isOneOf(cause, 'EEXIST', 'EISDIR', 'ENOTDIR')) throw cause;
        throw new Problem(409, 'object_conflict', `"${name}" cannot be stored beside what is there already.`, { cause });
      }
    },

    async get(bucket, name, { maxBytes = Number.POSITIVE_INFINITY } = {}) {
      const parts = partsOf(bucket, name);
      if (!(await areFolders(folder, parts.slice(0, -1)))) return undefined;
      try {
        // Without blocking: opening a pipe would wait for its writer.
        const file = await open(join(folder, ...parts), constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
        try {
          const found = await file.stat();
          if (!found.isFile()) return undefined;
          if (found.size > maxBytes) throw objectTooLarge(bucket, name, maxBytes);
          return await file.readFile();
        } finally {
          await file.close();
        }
      } catch (error) {
        if (isOneOf(error, 'ENOENT', 'ELOOP', 'ENXIO')) return undefined;
        throw error;
      }
    },

    async delete(bucket, name, { version } = {}) {
      const parts = partsOf(bucket, name);
      if (!(await areFolders(folder, parts.slice(0, -1)))) return;
      try {
        if (version === undefined) await unlink(join(folder, ...parts));
        else await unlinkVersion(join(folder, ...parts), version, partials);
      } catch (error) {
        if (!isOneOf(error, 'ENOENT', 'EISDIR', 'EPERM')) throw error;
      }
    },

    list: async (bucket, prefix, { cursor = '', limit = 1000 } = {}) => {
      partsOf(bucket, 'any');
      return listFolder(join(folder, bucket), isFileName, { prefix, cursor, limit });
    },
  };
}

const partsOf = (bucket: string, name: string): string[] => [bucket, ...objectNameParts(bucket, name, isFileName)];

/** A backslash separates folders on some systems, and so does a colon devices and streams. */
function isFileName(part: string): boolean {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is refused
  return Buffer.byteLength(part) <= 255 && !/[\\:\x00-\x1f]/.test(part);
}

/**
 * Takes the file away first, so that what is compared is what goes. Another version is put back, unless there is a still newer one;
 * for that moment it cannot be read, and a crash would lose it.
 */
async function unlinkVersion(path: string, version: string, partials: string): Promise<void> {
  if (versionOf(await lstat(path, { bigint: true })) !== version) return;
  await mkdir(partials, { recursive: true, mode: 0o700 });
  const taken = join(partials, randomBytes(12).toString('hex'));
  await rename(path, taken);
  try {
    if (versionOf(await lstat(taken, { bigint: true })) !== version) await link(taken, path);
  } catch (error) {
    if (!isOneOf(error, 'EEXIST')) throw error;
  } finally {
    await rm(taken, { force: true });
  }
}

/** One by one, since making them all at once would go through a link. */
async function makeFolders(folder: string, parts: readonly string[]): Promise<void> {
  for (let depth = 1; depth <= parts.length; depth += 1) {
    await mkdir(join(folder, ...parts.slice(0, depth)), { mode: 0o700 }).catch((error) => {
      if (!isOneOf(error, 'EEXIST')) throw error;
    });
    if (!(await areFolders(folder, parts.slice(0, depth)))) throw Object.assign(new Error('no folder'), { code: 'ENOTDIR' });
  }
}

/** False as well where one is a link to a folder. */
async function areFolders(folder: string, parts: readonly string[]): Promise<boolean> {
  for (let depth = 1; depth <= parts.length; depth += 1) {
    const found = await lstat(join(folder, ...parts.slice(0, depth))).catch((error) => {
      if (isOneOf(error, 'ENOENT', 'ENOTDIR')) return undefined;
      throw error;
    });
    if (!found?.isDirectory()) return false;
  }
  return true;
}

/** What a crash left behind; another process may be writing what is younger. */
async function removeAbandoned(partials: string): Promise<void> {
  const names = await readdir(partials).catch(() => []);
  for (const name of names) {
    const path = join(partials, name);
    const found = await stat(path).catch(() => undefined);
    const age = found === undefined ? 0 : Date.now() - found.mtimeMs;
    if (age > ABANDONED_AFTER_MS) await rm(path, { force: true });
  }
}

function isOneOf(error: unknown, ...codes: string[]): boolean {
  return codes.includes((error as NodeJS.ErrnoException).code ?? '');
}
