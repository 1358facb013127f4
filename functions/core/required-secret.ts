import { secretName } from './addresses.ts';
import { Problem } from './errors.ts';
import type { Secrets } from './ports.ts';

/** A secret that has to be there. Throws `Problem` 503 `secret_missing`, which says how to set it. */
export async function requiredSecret(secrets: Secrets, name: string): Promise<string> {
  const value = await secrets.read(name);
  if (value) return value;
  const command = `openssl rand -base64 32 | gcloud secrets versions add ${secretName(name)} --data-file=-`;
  throw new Problem(503, 'secret_missing', `The secret ${name} has no value. In the cloud, deploy again or run: ${command}`);
}
