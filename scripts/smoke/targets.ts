/** The push endpoints, and pushes as somebody would forge them. */

import { generateKeyPairSync, sign } from 'node:crypto';
import { functionUrl, type Naming, pushAccountEmail, pushAudience } from '../../functions/core/addresses.ts';
import { topology } from '../../functions/topology.ts';
import { callersOf } from '../../infra/context.ts';
import { type Reply, send } from './calls.ts';

export interface PushTarget {
  readonly function: string;
  readonly path: string;
  /** The address that it is reached at. */
  readonly url: string;
  /** What a good token of the push account says. */
  readonly audience: string;
  readonly email: string;
  /** Whether only the project's own traffic gets there. */
  readonly closedToNetwork: boolean;
}

/** Every push endpoint of a deployment, each at its function's own address. */
export function deployedPushes(naming: Naming): readonly PushTarget[] {
  return pushRows().map(([name, path]) => target(naming, name, path, functionUrl(naming, name)));
}

/** Those that one local address of everything leads to. */
export function pushesBehind(url: string, naming: Naming): readonly PushTarget[] {
  return pushRows()
    .filter(([name, path]) => topology.functions[name]?.routes.includes(path))
    .map(([name, path]) => target(naming, name, path, url));
}

/** Sends a push that claims to be a good one: without a token, or with one that says all the right things. */
export function forgedPush({ url, path, audience, email }: PushTarget, signature: 'none' | 'removed' | 'own'): Promise<Reply> {
  const message = { data: Buffer.from('{}').toString('base64'), messageId: '1', publishTime: new Date().toISOString() };
  const headers = signature === 'none' ? undefined : { authorization: `Bearer ${forgedToken(audience, email, signature)}` };
  return send('POST', url + path, headers ?? {}, { message, subscription: `projects/forged/subscriptions/forged` });
}

function pushRows(): [name: string, path: string][] {
  const all = [...Object.values(topology.subscriptions), ...Object.values(topology.schedules)];
  return all.map((row) => [row.function, row.path]);
}

function target(naming: Naming, name: string, path: string, url: string): PushTarget {
  return {
    function: name,
    path,
    url,
    audience: pushAudience(naming, name, path),
    email: pushAccountEmail(naming),
    closedToNetwork: callersOf(topology, name).length === 0,
  };
}

/** Claims as Google makes them. Only the signature is not Google's: taken off as Cloud Run does it, or made with a key of our own. */
function forgedToken(audience: string, email: string, signature: 'removed' | 'own'): string {
  const now = Math.floor(Date.now() / 1000);
  const claims = {
    iss: 'https://accounts.google.com',
    aud: audience,
    email,
    email_verified: true,
    sub: '1',
    iat: now,
    exp: now + 3600,
  };
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const signed = `${part({ alg: 'RS256', kid: 'forged', typ: 'JWT' })}.${part(claims)}`;
  if (signature === 'removed') return `${signed}.SIGNATURE_REMOVED_BY_GOOGLE`;
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  return `${signed}.${sign('sha256', Buffer.from(signed), privateKey).toString('base64url')}`;
}
