import { execFile } from 'node:child_process';
import { open, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

const LONGEST_MS = 120_000;

/**
 * Everything below a folder is on disk once this resolves. Node cannot sync a file system at once, which for thousands of files
 * is many times faster than one after the other, so the system's own `sync` does; where there is none, they are synced one by one.
 */
export async function syncTree(folder: string): Promise<void> {
  const atOnce = promisify(execFile)('sync', ['-f', folder], { timeout: LONGEST_MS });
  await atOnce.catch(() => syncEach(folder));
}

async function syncEach(folder: string): Promise<void> {
  const entries = await readdir(Buffer.from(folder), { withFileTypes: true, recursive: true, encoding: 'buffer' });
  for (const entry of entries) {
    if (!entry.isFile() && !entry.isDirectory()) continue;
    const file = await open(Buffer.concat([entry.parentPath as unknown as Buffer, Buffer.from('/'), entry.name]), 'r');
    try {
      await file.sync();
    } finally {
      await file.close();
    }
  }
  const top = await open(join(folder), 'r');
  await top.sync().finally(() => top.close());
}
