/** Restate: its server with the defaults of its packages, which sync to disk, and a service in a process of its own. */

import { request } from 'undici';
import { freePorts } from '../../../emulator-bridge/loopback.ts';
import { type Contender, temporaryFolder } from '../contender.ts';
import { startLoad, startMeasured } from '../measured-process.ts';
import { startNative } from './native.ts';
import { installPeers, restateServer } from './packages.ts';

const QUIET = { RESTATE_DISABLE_TELEMETRY: 'true', DO_NOT_TRACK: '1', RESTATE_LOG_DISABLE_ANSI_CODES: 'true' };

/** Rejects where the packages cannot be installed: the server comes with them. */
export async function startRestate(release: AsyncDisposableStack): Promise<Record<'restate', Contender>> {
  await installPeers();
  const folder = await temporaryFolder(release);
  const [node, ingress, admin] = await freePorts(3);
  const where = ['--listen-mode', 'tcp', '--bind-ip', '127.0.0.1', '--bind-port', String(node), '--base-dir', folder];
  const server = await startNative([restateServer(), '--no-logo', '--node-name', 'bench', ...where], {
    ready: /Admin API starting/,
    env: { ...QUIET, RESTATE_INGRESS__BIND_PORT: String(ingress), RESTATE_ADMIN__BIND_PORT: String(admin) },
  });
  release.adopt(server, (it) => it.stop());
  const service = release.adopt(
    await startMeasured('./peers/restate-service.ts', [], { env: { RESTATE_LOGGING: 'ERROR' } }),
    (it) => it.stop(),
  );
  await register(`http://127.0.0.1:${admin}/deployments`, service.url);
  const load = release.adopt(startLoad(), (it) => it.stop());
  const url = `http://127.0.0.1:${ingress}`;
  return { restate: { run: (wanted) => load.run({ ...wanted, url, protocol: 'restate' }) } };
}

/** Its node elects itself leader first; until then it refuses. */
async function register(admin: string, uri: string): Promise<void> {
  const end = performance.now() + 30_000;
  for (;;) {
    const answer = await request(admin, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ uri }),
    }).catch((error: Error) => error);
    const text = answer instanceof Error ? answer.message : await answer.body.text();
    if (!(answer instanceof Error) && answer.statusCode < 300) return;
    if (performance.now() > end) throw new Error(`Restate did not take the service: ${text}`);
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
}
