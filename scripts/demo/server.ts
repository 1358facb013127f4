/** The Heliograph that the demo talks to: one that runs already, or one of its own, which it ends again. */

import { mkdtemp, realpath, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { bridgeLog } from '../../emulator-bridge/bridge-log.ts';
import type { LocalStack } from '../../emulator-bridge/local-stack.ts';
import { pubsubMessages } from '../../functions/adapters/pubsub.ts';
import { Problem } from '../../functions/core/errors.ts';
import type { Messages } from '../../functions/core/ports.ts';
import { type Environment, readSettings, type Settings } from '../../functions/core/settings.ts';
import { type Client, httpClient } from './client.ts';

export interface Server {
  readonly url: string;
  readonly client: Client;
  /** What it is, for the first line that is printed. */
  readonly what: string;
  /** Known of the demo's own alone; of another one the first run shows it. */
  readonly priceCents?: number;
  /** The way to the topic past `dispatch`; only where this process has one. */
  readonly publish?: Messages['publish'];
  /** A folder that may hold projects; only where the server is the demo's own. */
  readonly projects?: string;
  stop(): Promise<void>;
}

/** Short enough that a batch with a retry, a sweep and an expiry in it ends within seconds. */
const QUICK = {
  'times.retryMinimumMs': 300,
  'times.backoffMinimumMs': 300,
  'times.backoffMaximumMs': 1_000,
  'times.sweepMs': 500,
  'times.resultGraceMs': 2_000,
};
const HEALTH_LIMIT_MS = 3_000;

/**
 * Takes the one at `ORCHESTRATOR_URL` or at the local port; where none runs, or with `emulators`, starts one with quick times on
 * a temporary folder. `ORCHESTRATOR_API_KEY` is sent where it is set. Throws `Problem` when `ORCHESTRATOR_URL` does not answer.
 */
export async function openServer(environment: Environment, emulators: boolean): Promise<Server> {
  const { ORCHESTRATOR_URL: given, ORCHESTRATOR_API_KEY: key, ORCHESTRATOR_PORT: port } = environment;
  if (!emulators) {
    const url = (given || `http://127.0.0.1:${port || 8081}`).replace(/\/+$/, '');
    const version = await runningVersion(url);
    if (version !== undefined)
      return { url, client: httpClient(url, key), what: `the running Heliograph ${version}`, stop: async () => {} };
    if (given) throw new Problem(503, 'not_running', `No healthy Heliograph answers at ORCHESTRATOR_URL (${url}/healthz).`);
  }
  return startOwn(environment, emulators);
}

/** The version of what answers at this address, if that is a Heliograph in good health. */
async function runningVersion(url: string): Promise<string | undefined> {
  try {
    const reply = await fetch(`${url}/healthz`, { signal: AbortSignal.timeout(HEALTH_LIMIT_MS), redirect: 'error' });
    const body = (await reply.json()) as {
      status?: unknown;
      version?: unknown;
      function?: unknown;
      functions?: { dispatch?: unknown };
    };
    const ours = reply.ok && body.status === 'ok' && (body.functions?.dispatch !== undefined || body.function === 'dispatch');
    return ours && typeof body.version === 'string' ? body.version : undefined;
  } catch {
    return undefined;
  }
}

async function startOwn(environment: Environment, emulators: boolean): Promise<Server> {
  await using release = new AsyncDisposableStack();
  const dataDir = release.adopt(await mkdtemp(join(tmpdir(), 'heliograph-demo-')), (path) =>
    rm(path, { recursive: true, force: true }),
  );
  const projects = release.adopt(await realpath(await mkdtemp(join(tmpdir(), 'heliograph-demo-projects-'))), (path) =>
    rm(path, { recursive: true, force: true }),
  );
  const settings = readSettings(environment, {
    ...QUICK,
    dataDir,
    projectRoots: [projects],
    runtime: emulators ? 'emulators' : 'embedded',
    port: 0,
    auth: 'open',
    allowLoopback: true,
    // Its log would run through the progress; failing attempts are part of the batch.
    ...(environment.ORCHESTRATOR_LOG_LEVEL ? {} : { logLevel: 'silent' }),
  });
  const { stack, publish } = await (emulators ? emulated(settings, release) : embedded(settings));
  release.adopt(stack, (it) => it.stop());
  const owned = release.move();
  return {
    url: stack.url,
    client: httpClient(stack.url, undefined),
    what: `a Heliograph of its own (${emulators ? "Google's emulators" : 'embedded'}, quick times)`,
    priceCents: settings.agentCostPerRunCents,
    publish,
    projects,
    stop: () => owned.disposeAsync(),
  };
}

type Started = { readonly stack: LocalStack; readonly publish: Messages['publish'] };

async function embedded(settings: Settings): Promise<Started> {
  const { startEmbedded } = await import('../../emulator-bridge/embedded.ts');
  let publish: Messages['publish'] | undefined;
  const stack = await startEmbedded({
    settings,
    log: bridgeLog(settings.logLevel),
    runtimeFor(runtime) {
      publish = runtime.messages.publish;
      return runtime;
    },
  });
  return { stack, publish: publish as Messages['publish'] };
}

async function emulated(settings: Settings, release: AsyncDisposableStack): Promise<Started> {
  const { startEmulated } = await import('../../emulator-bridge/emulated.ts');
  const quiet = settings.logLevel === 'silent' ? { onLine: () => {} } : {};
  const stack = await startEmulated({ settings, log: bridgeLog(settings.logLevel), ...quiet });
  // The environment names the emulator while they run.
  const messages = release.adopt(pubsubMessages({ projectId: settings.project }), (it) => it.close());
  return { stack, publish: messages.publish };
}
