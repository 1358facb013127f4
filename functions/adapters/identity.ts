/** The function's own identity, from the metadata server of the machine it runs on. */

import type { GoogleAuth } from 'google-auth-library';
import type { Clock, Identity } from '../core/ports.ts';

const MARGIN_MS = 300_000;
/** Audiences are our own functions and registered agents. One that was pushed out is minted again. */
const MAXIMUM_AUDIENCES = 1_000;

/** A token, and how long it is good to hand out (milliseconds since the epoch); infinite while it is being minted. */
interface Minted {
  readonly token: Promise<string>;
  readonly until: number;
}

/**
 * Google-signed ID tokens of the service account that the process runs as, kept until five minutes before they expire; callers
 * of one audience share the minting. Rejects with `google-auth-library`'s error where there is no such account.
 */
export function googleIdentity(options: { clock: Clock; projectId: string }): Identity {
  const { clock, projectId } = options;
  const minted = new Map<string, Minted>();
  let auth: Promise<GoogleAuth> | undefined;

  async function fetchToken(audience: string): Promise<string> {
    // The library puts the audience into a query as it is: another parameter must not slip in with it.
    if (!/^[\w.:/@~-]+$/.test(audience)) throw new TypeError('An audience is a URL without query and fragment.');
    // The project is given, since the library would otherwise look for it: with a process of the gcloud command, first of all.
    auth ??= import('google-auth-library').then((library) => new library.GoogleAuth({ projectId }));
    const { idTokenProvider } = await (await auth).getIdTokenClient(audience);
    return idTokenProvider.fetchIdToken(audience);
  }

  function mint(audience: string): Minted {
    const entry = { until: Number.POSITIVE_INFINITY } as { token: Promise<string>; until: number };
    entry.token = fetchToken(audience)
      .then(async (token) => {
        entry.until = (await expiryOf(token)) - MARGIN_MS;
        return token;
      })
      .catch((error) => {
        entry.until = 0;
        throw error;
      });
    return entry;
  }

  return {
    idToken(audience) {
      const known = minted.get(audience);
      if (known !== undefined && known.until > clock.now()) return known.token;
      const entry = mint(audience);
      minted.delete(audience);
      minted.set(audience, entry);
      if (minted.size > MAXIMUM_AUDIENCES) minted.delete(minted.keys().next().value as string);
      return entry.token;
    },
  };
}

/** The `exp` of a token that comes from its issuer, in milliseconds since the epoch. */
async function expiryOf(token: string): Promise<number> {
  const { decodeJwt } = await import('jose');
  return (decodeJwt(token).exp ?? 0) * 1000;
}
