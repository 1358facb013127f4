import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { Problem } from '../../functions/core/errors.ts';

/**
 * A Google-signed ID token of whoever runs this, for a function that is not public: a service account's for that address, else
 * the one that gcloud's own login gives. Throws `Problem` `no_login`.
 */
export async function ownIdentityToken(audience: string): Promise<string> {
  const { GoogleAuth } = await import('google-auth-library');
  try {
    const { idTokenProvider } = await new GoogleAuth().getIdTokenClient(audience);
    return await idTokenProvider.fetchIdToken(audience);
  } catch {
    // A person's application default credentials give none.
  }
  try {
    const { stdout } = await promisify(execFile)('gcloud', ['auth', 'print-identity-token', '--quiet']);
    return stdout.trim();
  } catch {
    throw new Problem(
      401,
      'no_login',
      `${audience} is not public, and no ID token for it can be had. Run:\n\n  gcloud auth login    # as one of the settings' callers`,
    );
  }
}
