import { createCipheriv, createDecipheriv, randomBytes, scryptSync } from 'node:crypto';
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Problem } from '../core/errors.ts';
import type { Secrets } from '../core/ports.ts';
import { writeAtomically } from './atomic-file.ts';
import { checkedSecretName } from './secret-name.ts';

const ALGORITHM = 'aes-256-gcm';
const KEY_BYTES = 32;
const IV_BYTES = 12;
const KEY_FILE = 'master.key';

interface Sealed {
  readonly algorithm: typeof ALGORITHM;
  readonly iv: string;
  readonly tag: string;
  readonly data: string;
}

/**
 * Secrets as encrypted JSON files, one each, so that processes which write different ones do not meet. The key is made from
 * `masterKey` (any text), else it stands in a file beside them that its owner alone can read.
 * Throws `Problem` `secret_unreadable` when a secret was sealed with another key or altered.
 */
export function fileSecrets({ folder, masterKey }: { readonly folder: string; readonly masterKey?: string }): Secrets {
  let keyed: Promise<Buffer> | undefined;
  const key = (): Promise<Buffer> => {
    keyed ??= masterKey ? Promise.resolve(scryptSync(masterKey, 'heliograph secrets', KEY_BYTES)) : keyFromFile(folder);
    return keyed;
  };
  const partials = join(folder, '.partial');

  return {
    async read(name) {
      const text = await readOptional(pathOf(folder, name));
      if (text === undefined) return undefined;
      try {
        return unseal(JSON.parse(text) as Sealed, await key(), name);
      } catch (cause) {
        throw new Problem(500, 'secret_unreadable', `The secret "${name}" cannot be decrypted with this key.`, { cause });
      }
    },

    async write(name, value, options = {}) {
      const path = pathOf(folder, name);
      const sealed = seal(value, await key(), name);
      await mkdir(folder, { recursive: true, mode: 0o700 });
      await writeAtomically(path, JSON.stringify(sealed), { partials, ifAbsent: options.ifAbsent });
    },
  };
}

const pathOf = (folder: string, name: string): string => join(folder, `${checkedSecretName(name)}.json`);

/** The name is authenticated too: no secret can be put in another's place. */
function seal(value: string, key: Buffer, name: string): Sealed {
  const iv = randomBytes(IV_BYTES);
  const cipher = createCipheriv(ALGORITHM, key, iv).setAAD(Buffer.from(name));
  const data = Buffer.concat([cipher.update(value, 'utf8'), cipher.final()]);
  return {
    algorithm: ALGORITHM,
    iv: iv.toString('base64'),
    tag: cipher.getAuthTag().toString('base64'),
    data: data.toString('base64'),
  };
}

function unseal({ iv, tag, data }: Sealed, key: Buffer, name: string): string {
  const decipher = createDecipheriv(ALGORITHM, key, Buffer.from(iv, 'base64'), { authTagLength: 16 }).setAAD(Buffer.from(name));
  decipher.setAuthTag(Buffer.from(tag, 'base64'));
  return decipher.update(data, 'base64', 'utf8') + decipher.final('utf8');
}

/** Made by whichever process is first. */
async function keyFromFile(folder: string): Promise<Buffer> {
  const path = join(folder, KEY_FILE);
  await mkdir(folder, { recursive: true, mode: 0o700 });
  let text = await readOptional(path);
  if (text === undefined) {
    await writeAtomically(path, randomBytes(KEY_BYTES).toString('base64'), { partials: join(folder, '.partial'), ifAbsent: true });
    text = await readFile(path, 'utf8');
  }
  const key = Buffer.from(text, 'base64');
  if (key.length !== KEY_BYTES) throw new Problem(500, 'secret_unreadable', `The key file ${path} does not hold a key.`);
  return key;
}

async function readOptional(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}
