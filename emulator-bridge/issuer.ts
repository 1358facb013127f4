/**
 * A local OIDC issuer in the place of Google's: signs the tokens that Pub/Sub, the scheduler and the functions' service
 * accounts present, and publishes its keys, so that the functions' verification runs as it does in the cloud.
 *
 * Source: OpenID Connect Core 1.0, section 2; cloud.google.com/pubsub/docs/authenticate-push-subscriptions.
 */

import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { SignJWT } from 'jose';
import { closeServer, LOOPBACK, listenLoopback } from './loopback.ts';
import { type MetadataServer, startMetadata } from './metadata.ts';
import { openSigningKeys } from './signing-keys.ts';

export interface Issuer {
  /** The `iss` of its tokens, and its own address. Google's is the constant `https://accounts.google.com`. */
  readonly url: string;
  readonly jwksUrl: string;
  /** A token of Google's shape, good for an hour; the same one again until five minutes before it ends. */
  token(claims: { readonly email: string; readonly audience: string }): Promise<string>;
  /** A new key signs from now on; the last one stays in the JWKS document. */
  rotate(): Promise<void>;
  /** Opens a metadata server of its own for one service account: `GCE_METADATA_HOST` of the process that is to have it. */
  metadata(email: string): Promise<MetadataServer>;
  close(): Promise<void>;
}

export interface IssuerOptions {
  /** Where the keys are kept; in memory only without it. */
  readonly folder?: string;
  readonly project: string;
  readonly projectNumber: string;
  /** Milliseconds since the epoch. */
  readonly now?: () => number;
}

const LIFETIME_SECONDS = 3600;
const REFRESH_SECONDS = 300;
/** Anything on this machine can ask for any audience; the cache must not grow with it. */
const CACHED_TOKENS = 1000;

/** Starts the issuer on loopback: on the port of its last run where that is free, else on a free one. */
export async function startIssuer(options: IssuerOptions): Promise<Issuer> {
  const { now = Date.now } = options;
  const keys = await openSigningKeys(options.folder);
  const server = createServer((request, response) => answer(request, response));
  const port = await listenLoopback(server, keys.port).catch(() => listenLoopback(server, 0));
  await keys.rememberPort(port);
  const url = `http://${LOOPBACK}:${port}`;
  const cache = new Map<string, { expires: number; token: Promise<string> }>();
  const metadataServers: MetadataServer[] = [];

  function answer(request: IncomingMessage, response: ServerResponse): void {
    const path = request.url?.split('?', 1)[0];
    const document =
      path === '/jwks'
        ? { keys: keys.publicKeys() }
        : path === '/.well-known/openid-configuration' || path === '/'
          ? { issuer: url, jwks_uri: `${url}/jwks`, id_token_signing_alg_values_supported: ['RS256'] }
          : undefined;
    if (document === undefined) {
      response.writeHead(404).end();
      return;
    }
    // Google's says some hours; a minute lets a rotation show itself while one watches.
    response.writeHead(200, { 'content-type': 'application/json', 'cache-control': 'public, max-age=60' });
    response.end(JSON.stringify(document));
  }

  function token({ email, audience }: { email: string; audience: string }): Promise<string> {
    const seconds = Math.floor(now() / 1000);
    const name = `${email} ${audience}`;
    const cached = cache.get(name);
    if (cached !== undefined && cached.expires - REFRESH_SECONDS > seconds) return cached.token;
    if (cache.size >= CACHED_TOKENS) cache.clear();
    const entry = { expires: seconds + LIFETIME_SECONDS, token: sign(email, audience, seconds) };
    cache.set(name, entry);
    entry.token.catch(() => cache.delete(name));
    return entry.token;
  }

  function sign(email: string, audience: string, seconds: number): Promise<string> {
    const { kid, key } = keys.current();
    const sub = uniqueId(email);
    return new SignJWT({
      aud: audience,
      azp: sub,
      email,
      email_verified: true,
      exp: seconds + LIFETIME_SECONDS,
      iat: seconds,
      iss: url,
      sub,
    })
      .setProtectedHeader({ alg: 'RS256', kid, typ: 'JWT' })
      .sign(key);
  }

  return {
    url,
    jwksUrl: `${url}/jwks`,
    token,
    async rotate() {
      await keys.rotate();
      cache.clear();
    },
    async metadata(email) {
      const { project, projectNumber } = options;
      const started = await startMetadata({ email, project, projectNumber, token: (audience) => token({ email, audience }) });
      metadataServers.push(started);
      return started;
    },
    async close() {
      await Promise.all([...metadataServers.map((each) => each.close()), closeServer(server)]);
    },
  };
}

/** Google's unique id of a service account is a number of 21 digits; ours is made from its name. */
function uniqueId(email: string): string {
  const digits = BigInt(`0x${createHash('sha256').update(email).digest('hex')}`).toString();
  return `1${digits.slice(0, 20)}`;
}
