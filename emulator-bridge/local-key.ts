/** The API key of a local run with keys: made once per data folder, so that a second start takes the same one. */

import { randomBytes } from 'node:crypto';
import { chmod, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { newApiKey } from '../functions/core/authenticate.ts';
import { type Documents, type Fields, PreconditionFailed } from '../functions/core/ports.ts';

interface KeyFile {
  readonly key: string;
  readonly id: string;
  readonly record: Fields;
}

/**
 * The key in `<folder>/api-key.json` (mode 0600), of tenant `default` with every scope; its record is put into the control
 * database, which may be a new one each time. Differs from a deployed key in being stored at all.
 */
export async function localKey(folder: string, control: Documents): Promise<string> {
  const { key, id, record } = await readOrMake(folder);
  try {
    await control.commit([{ kind: 'create', collection: 'keys', id, data: record }]);
  } catch (error) {
    if (!(error instanceof PreconditionFailed)) throw error;
  }
  return key;
}

async function readOrMake(folder: string): Promise<KeyFile> {
  const path = join(folder, 'api-key.json');
  try {
    return JSON.parse(await readFile(path, 'utf8')) as KeyFile;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
  const random = (bytes: number) => randomBytes(bytes).toString('hex');
  const made = newApiKey(random, { tenant: 'default', scopes: ['admin'], createdAt: Date.now() });
  await mkdir(folder, { recursive: true, mode: 0o700 });
  await writeFile(path, JSON.stringify(made), { mode: 0o600 });
  await chmod(path, 0o600);
  return made;
}
