import { execFile } from 'node:child_process';
import { open, readdir } from 'node:fs/promises';
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

async function syncEach(folder: string | Buffer): Promise<void> {
  for (const entry of await readdir(folder, { withFileTypes: true, encoding: 'buffer' })) {
    const place = Buffer.concat([Buffer.from(folder as string), Buffer.from('/'), entry.name]);
    if (entry.isDirectory()) await syncEach(place);
    if (entry.isFile()) await syncOne(place);
  }
  await syncOne(folder);
}

async function syncOne(path: string | Buffer): Promise<void> {
  const file = await open(path, 'r');
  await file.sync().finally(() => file.close());
}
