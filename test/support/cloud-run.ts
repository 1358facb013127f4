/**
 * Cloud Run's front of one function: checks the caller's ID token, admits the members of the invoker role alone, and passes the
 * token on without its signature. Where everybody may call, nothing is checked and nothing taken off.
 *
 * Source: Cloud Run, "Authenticating service-to-service", and "Troubleshoot issues", JWT signature.
 */

import { createServer, type IncomingMessage } from 'node:http';
import { createRemoteJWKSet, jwtVerify } from 'jose';
import type { Issuer } from '../../emulator-bridge/issuer.ts';
import { closeServer } from '../../emulator-bridge/loopback.ts';
import { createProxy } from '../../emulator-bridge/proxy.ts';

export interface CloudRunOptions {
  readonly name: string;
  readonly port: number;
  /** Of the function behind it. */
  readonly origin: string;
  /** As IAM writes them: `allUsers`, `serviceAccount:…`. */
  readonly members: readonly string[];
  readonly issuer: Pick<Issuer, 'url' | 'jwksUrl'>;
}

/** Listens on loopback until it is closed; its own address is the only audience. */
export async function cloudRun({ name, port, origin, members, issuer }: CloudRunOptions): Promise<{ close(): Promise<void> }> {
  const proxy = createProxy(name, origin);
  const keys = createRemoteJWKSet(new URL(issuer.jwksUrl));
  const own = `http://127.0.0.1:${port}`;

  async function refusal(request: IncomingMessage): Promise<401 | 403 | undefined> {
    if (members.includes('allUsers')) return undefined;
    const [token = ''] = (request.headersDistinct.authorization ?? []).map((value) => value.replace(/^bearer /i, ''));
    try {
      const { payload } = await jwtVerify(token, keys, { issuer: issuer.url, audience: own, algorithms: ['RS256'] });
      if (!members.includes(`serviceAccount:${payload.email}`)) return 403;
    } catch {
      return 401;
    }
    request.headersDistinct.authorization = [`Bearer ${token.slice(0, token.lastIndexOf('.'))}.SIGNATURE_REMOVED_BY_GOOGLE`];
    return undefined;
  }

  const server = createServer(async (request, response) => {
    const status = await refusal(request);
    if (status === undefined) return proxy.forward(request, response);
    request.resume();
    response.writeHead(status, { 'content-type': 'text/html' }).end(`<title>${status}</title>`);
  });
  await new Promise<void>((resolve, reject) => server.once('error', reject).listen(port, '127.0.0.1', resolve));
  return {
    async close() {
      await closeServer(server);
      proxy.close();
    },
  };
}
