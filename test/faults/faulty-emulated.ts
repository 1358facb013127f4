import { randomBytes } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { startEmulated } from '../../emulator-bridge/emulated.ts';
import { remoteParts } from '../../functions/adapters/remote-parts.ts';
import { temporaryFolder } from '../support/folder.ts';
import { quickSettings, silent, testStack } from '../support/stack.ts';
import { type FaultyStack, faultyParts } from './faulty-stack.ts';
import { type TcpProxy, tcpProxy } from './tcp-proxy.ts';

const SKEWED_CLOCK = fileURLToPath(new URL('./skewed-clock.ts', import.meta.url));

export interface EmulatedFaults {
  /** By how much a function's clock is off, in milliseconds, from its start on. */
  readonly skewMs?: Readonly<Record<string, number>>;
}

export interface FaultyEmulated extends FaultyStack {
  /** What the functions' processes have written. */
  readonly lines: readonly string[];
}

/** A backlog of some seconds must not be published again and again: on a busy machine that would feed it. */
const PATIENT = { 'times.republishMs': 30_000, 'times.republishMaximumMs': 600_000 };

/** The emulator runtime, one process per function. Inside `describeWithEmulators`. */
export async function faultyEmulated({ skewMs = {} }: EmulatedFaults = {}): Promise<FaultyEmulated> {
  await using release = new AsyncDisposableStack();
  const folder = release.adopt(temporaryFolder(), (it) => it.remove());
  const stores: TcpProxy[] = [];
  for (const variable of ['FIRESTORE_EMULATOR_HOST', 'PUBSUB_EMULATOR_HOST']) {
    const proxy = release.adopt(await tcpProxy(process.env[variable]), (it) => it.close());
    const outside = process.env[variable];
    process.env[variable] = proxy.host;
    release.defer(() => {
      process.env[variable] = outside;
    });
    stores.push(proxy);
  }
  const all = (change: 'down' | 'stall' | 'up') => () => {
    for (const proxy of stores) proxy[change]();
  };
  const store = { down: all('down'), stall: all('stall'), up: all('up') };
  const { faults, between, agent, receiver, agents } = await faultyParts(release, store);
  const project = `heliograph-${randomBytes(4).toString('hex')}`;
  const lines: string[] = [];
  const local = await startEmulated({
    settings: quickSettings({
      runtime: 'emulators',
      dataDir: folder.path,
      project,
      logLevel: 'warn',
      agents,
      ...PATIENT,
    }),
    log: silent,
    between,
    onLine: (name, line) => lines.push(`${name} | ${line}`),
    environmentFor(name, environment) {
      const jwks = new URL(environment.ORCHESTRATOR_OIDC_JWKS_URL as string);
      faults.keys.target = jwks.host;
      const skew: Record<string, string> =
        skewMs[name] === undefined ? {} : { TEST_CLOCK_SKEW_MS: String(skewMs[name]), NODE_OPTIONS: `--import=${SKEWED_CLOCK}` };
      return { ...environment, ...skew, ORCHESTRATOR_OIDC_JWKS_URL: `http://${faults.keys.host}${jwks.pathname}` };
    },
  });
  release.adopt(local, (it) => it.stop());
  const parts = await remoteParts(local.settings);
  release.defer(async () => {
    await parts.messages.close();
    await parts.documents.close();
    await parts.control.close();
  });
  faults.front.target = new URL(local.url).host;
  const owned = release.move();
  const stack = testStack({ ...local, url: `http://${faults.front.host}` }, parts, () => owned.disposeAsync());
  return Object.assign(stack, { faults, agent, receiver, lines });
}
