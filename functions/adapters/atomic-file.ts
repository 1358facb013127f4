import { randomBytes } from 'node:crypto';
import { link, mkdir, open, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';

/**
 * Writes a file so that a reader, or a crash at any moment, finds the old content or the new one, whole. `partials` is a folder
 * on the same file system for what is not yet complete. With `ifAbsent`, an existing file stays and false comes back.
 */
export async function writeAtomically(
  path: string,
  bytes: Uint8Array | string,
  options: { readonly partials: string; readonly mode?: number; readonly ifAbsent?: boolean },
): Promise<boolean> {
  await mkdir(options.partials, { recursive: true, mode: 0o700 });
  const partial = join(options.partials, randomBytes(12).toString('hex'));
  try {
    const file = await open(partial, 'wx', options.mode ?? 0o600);
    try {
      await file.writeFile(bytes);
      await file.sync();
    } finally {
      await file.close();
    }
    if (options.ifAbsent) await link(partial, path);
    else await rename(partial, path);
    await syncFolder(dirname(path));
    return true;
  } catch (error) {
    if (options.ifAbsent && (error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  } finally {
    await rm(partial, { force: true });
  }
}

/** A new name is durable only when its folder is. */
export async function syncFolder(path: string): Promise<void> {
  if (process.platform === 'win32') return;
  const folder = await open(path, 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}
