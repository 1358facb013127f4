import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import type { Secrets } from '../core/ports.ts';
import type { Settings } from '../core/settings.ts';
import { topology } from '../topology.ts';
import { fileSecrets } from './secret-file.ts';

/** The secrets of a local run, as encrypted files. The topology's are made when they are first read; of several processes one wins. */
export function localSecrets({ dataDir, masterKey }: Pick<Settings, 'dataDir' | 'masterKey'>): Secrets {
  const secrets = fileSecrets({ folder: join(dataDir, 'secrets'), masterKey });
  return {
    ...secrets,
    async read(name) {
      const value = await secrets.read(name);
      if (value !== undefined || !topology.secrets.includes(name)) return value;
      await secrets.write(name, randomBytes(32).toString('base64url'), { ifAbsent: true });
      return secrets.read(name);
    },
  };
}
