import { chmod, readdir } from 'node:fs/promises';

const OWNER = 0o700;

/** Lets their owner into a folder and all folders below it, so that they can be removed. No link is followed. */
export async function makeWritable(folder: string | Buffer): Promise<void> {
  await chmod(folder, OWNER);
  const entries = await readdir(folder, { withFileTypes: true, encoding: 'buffer' });
  for (const entry of entries) {
    if (entry.isDirectory()) await makeWritable(Buffer.concat([Buffer.from(folder as string), Buffer.from('/'), entry.name]));
  }
}
