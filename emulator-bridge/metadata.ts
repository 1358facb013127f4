/**
 * Google's metadata server, as far as `google-auth-library` needs it to mint ID tokens: one listener per service account, as on
 * Google's machines, where each has its own. It gives no access tokens: nothing local may reach Google with one.
 *
 * Source: cloud.google.com/compute/docs/metadata/predefined-metadata-keys.
 */

import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { closeServer, LOOPBACK, listenLoopback } from './loopback.ts';

export interface MetadataServer {
  /** `host:port`, for `GCE_METADATA_HOST`. */
  readonly host: string;
  close(): Promise<void>;
}

export interface MetadataOptions {
  readonly email: string;
  readonly project: string;
  readonly projectNumber: string;
  readonly token: (audience: string) => Promise<string>;
}

const ROOT = '/computeMetadata/v1';

/**
 * Starts it on a free port. Requests without `Metadata-Flavor: Google`, passed on by a proxy, or to another name than its own are
 * answered 403.
 */
export async function startMetadata(options: MetadataOptions): Promise<MetadataServer> {
  const server = createServer((request, response) => {
    answer(options, request, response).catch(() => reply(response, 500, 'No token could be made.'));
  });
  const port = await listenLoopback(server, 0);
  return { host: `${LOOPBACK}:${port}`, close: () => closeServer(server) };
}

async function answer(options: MetadataOptions, request: IncomingMessage, response: ServerResponse): Promise<void> {
  // The header is what keeps a web page, or a request forged through a server, from asking for tokens; a page whose name was
  // rebound to this address may set it, but not its host.
  const ownName = request.headers.host === `${LOOPBACK}:${request.socket.localPort}`;
  if (!ownName || request.headers['metadata-flavor'] !== 'Google' || request.headers['x-forwarded-for'] !== undefined) {
    reply(response, 403, 'Missing Metadata-Flavor:Google header.');
    return;
  }
  const url = new URL(request.url ?? '/', `http://${LOOPBACK}`);
  const account = new RegExp(`^${ROOT}/instance/service-accounts/([^/]+)/([a-z]+)$`).exec(url.pathname);
  if (account !== null && isOwn(account[1], options.email)) {
    const audience = url.searchParams.get('audience');
    if (account[2] === 'identity' && !audience) return reply(response, 400, 'non-empty audience parameter required');
    if (account[2] === 'identity') return reply(response, 200, await options.token(audience as string));
    if (account[2] === 'email') return reply(response, 200, options.email);
  }
  const value = plainValues(options)[url.pathname.replace(/\/$/, '')];
  if (value === undefined) reply(response, 404, 'No such metadata here.');
  else reply(response, 200, value);
}

function isOwn(name: string | undefined, email: string): boolean {
  return name === 'default' || decodeURIComponent(name ?? '') === email;
}

function plainValues({ email, project, projectNumber }: MetadataOptions): Readonly<Record<string, string>> {
  return {
    [ROOT]: 'instance/\nproject/\nuniverse/\n',
    [`${ROOT}/instance`]: 'service-accounts/\n',
    [`${ROOT}/instance/service-accounts`]: `default/\n${email}/\n`,
    [`${ROOT}/project/project-id`]: project,
    [`${ROOT}/project/numeric-project-id`]: projectNumber,
    [`${ROOT}/universe/universe-domain`]: 'googleapis.com',
  };
}

function reply(response: ServerResponse, status: number, body: string): void {
  response.writeHead(status, { 'metadata-flavor': 'Google', server: 'Metadata Server for VM', 'content-type': 'application/text' });
  response.end(body);
}
