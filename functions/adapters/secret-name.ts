import { Problem } from '../core/errors.ts';

/** The name of a secret as it is. Throws `Problem` `invalid_secret_name`. */
export function checkedSecretName(name: string): string {
  if (/^[a-z][a-z0-9-]{0,99}$/.test(name)) return name;
  throw new Problem(422, 'invalid_secret_name', `${JSON.stringify(name)} is no name of a secret.`);
}
