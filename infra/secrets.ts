import { SecretManagerSecret } from '@cdktf/provider-google/lib/secret-manager-secret/index.js';
import { secretName } from '../functions/core/addresses.ts';
import type { Context, Named } from './context.ts';

/** Makes the secrets, without a value: one given here would stand in Terraform's state. */
export function makeSecrets({ stack, settings, topology }: Context): Named<SecretManagerSecret> {
  const made = topology.secrets.map((name): [string, SecretManagerSecret] => [
    name,
    new SecretManagerSecret(stack, `secret_${name}`, {
      secretId: secretName(name),
      replication: { userManaged: { replicas: [{ location: settings.region }] } },
    }),
  ]);
  return Object.fromEntries(made);
}
