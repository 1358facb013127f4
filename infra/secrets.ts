/** The secrets, each with a first value that nobody ever sees. */

import { SecretManagerSecret } from '@cdktf/provider-google/lib/secret-manager-secret/index.js';
import { SecretManagerSecretVersion } from '@cdktf/provider-google/lib/secret-manager-secret-version/index.js';
import { TerraformVariable, VariableType } from 'cdktf';
import { secretName } from '../functions/core/addresses.ts';
import type { Context, Named } from './context.ts';

/** The first version that can hand an ephemeral value to a write-only argument. */
export const TERRAFORM_VERSION = '>= 1.11.0';
/** The variable that names the secrets whose versions are not this stack's. */
export const KEPT_SECRETS = 'kept_secrets';
/** 62 possible characters each: 256 bits. */
const CHARACTERS = 43;

export interface Secrets {
  readonly secrets: Named<SecretManagerSecret>;
  /** What a function that reads secrets has to wait for. */
  readonly versions: readonly SecretManagerSecretVersion[];
}

/**
 * Makes the secrets and the first version of each. The value is drawn while Terraform applies and goes to Secret Manager alone:
 * neither the plan nor the state has it. A later version is added beside it and is no business of the stack.
 *
 * Source: Terraform, "Use temporary write-only arguments"; provider `google`, "Using write-only attributes".
 */
export function makeSecrets({ stack, settings, topology }: Context): Secrets {
  stack.addOverride('terraform.required_version', TERRAFORM_VERSION);
  // Its types are not worth a dependency: one block is made of it.
  stack.addOverride('terraform.required_providers.random', { source: 'hashicorp/random', version: '3.7.2' });
  const kept = new TerraformVariable(stack, KEPT_SECRETS, {
    type: VariableType.list(VariableType.STRING),
    default: [],
    description: 'Secrets that an earlier stack has left with their versions: another version would replace the value.',
  });
  const secrets: Record<string, SecretManagerSecret> = {};
  const versions = topology.secrets.map((name) => {
    const secret = new SecretManagerSecret(stack, `secret_${name}`, {
      secretId: secretName(name),
      replication: { userManaged: { replicas: [{ location: settings.region }] } },
    });
    secrets[name] = secret;
    stack.addOverride(`ephemeral.random_password.${name}`, { length: CHARACTERS, special: false });
    const version = new SecretManagerSecretVersion(stack, `first_version_${name}`, {
      secret: secret.id,
      secretDataWo: `\${ephemeral.random_password.${name}.result}`,
      // A value that is raised would be drawn anew, and everything signed so far would be worthless.
      secretDataWoVersion: 1,
      // What is stored was signed with it.
      deletionPolicy: 'ABANDON',
    });
    version.addOverride('count', `\${contains(var.${kept.friendlyUniqueId}, "${name}") ? 0 : 1}`);
    return version;
  });
  return { secrets, versions };
}
