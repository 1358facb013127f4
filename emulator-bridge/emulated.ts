/** The emulator runtime: Google's emulators, one process per function, and the real client libraries in between. */

import { join, resolve } from 'node:path';
import { systemClock } from '../functions/adapters/clock.ts';
import { firestoreDocuments } from '../functions/adapters/firestore.ts';
import { pubsubSubscriptions } from '../functions/adapters/pubsub.ts';
import { accountEmail, bucketName } from '../functions/core/addresses.ts';
import { measured } from '../functions/core/measures.ts';
import type { Log } from '../functions/core/ports.ts';
import { type Settings, toEnvironment } from '../functions/core/settings.ts';
import { topology } from '../functions/topology.ts';
import { type Emulators, startEmulators } from './emulators.ts';
import { functionProcesses } from './function-processes.ts';
import { startIssuer } from './issuer.ts';
import { localKey } from './local-key.ts';
import { assemble, functionNames, type LocalOptions, type LocalStack, localSettings } from './local-stack.ts';
import { startStorageServer } from './storage/server.ts';
import { makeProjectBuckets, makeTopologyBuckets } from './storage/topology-buckets.ts';

export interface EmulatedOptions extends LocalOptions {
  /** Called with each line that a function writes; otherwise they go to standard output, with the function's name. */
  readonly onLine?: (name: string, line: string) => void;
  /** What a test may change in the environment of a function's process. */
  readonly environmentFor?: (name: string, environment: Readonly<Record<string, string>>) => Readonly<Record<string, string>>;
}

/**
 * Starts it all. The emulators keep tasks in memory: unlike the embedded runtime, a stop forgets them. Objects stay, in the data
 * folder: users put documents there for their agents, and a large result is worth more than its task. Throws `Problem`
 * `emulators_missing`, `emulator_failed`, `data_in_use`; Node's `EADDRINUSE` when the port is taken.
 */
export async function startEmulated(options: EmulatedOptions): Promise<LocalStack> {
  const { log, onLine = printLine, environmentFor = (_name, environment) => environment } = options;
  const settings = { ...options.settings, dataDir: resolve(options.settings.dataDir) };
  await using release = new AsyncDisposableStack();

  const emulators = release.adopt(await startEmulators({ log }), (it) => it.stop());
  const storage = release.adopt(await startStorageServer({ folder: join(settings.dataDir, 'storage'), log }), (it) => it.close());
  await makeTopologyBuckets(storage.site, settings, topology);
  await makeProjectBuckets(storage.site, settings);
  release.adopt(useEmulators(emulators, storage.url), (restore) => restore());
  const issuer = release.adopt(await startIssuer({ ...settings, folder: settings.dataDir }), (it) => it.close());
  const source = release.adopt(subscriptions(settings, log), (it) => it.close());
  await source.createTopology();
  const key =
    settings.auth === 'required' ? await withControl(settings, (control) => localKey(settings.dataDir, control)) : undefined;

  const functions = release.adopt(
    await functionProcesses({
      names: functionNames,
      onLine,
      onMeasure: (measure) => measured(() => measure),
      log,
      environment: async (name, urls) =>
        environmentFor(name, {
          ...toEnvironment(localSettings(settings, urls, issuer)),
          FUNCTION_TARGET: name,
          PUBSUB_EMULATOR_HOST: emulators.pubsubHost,
          FIRESTORE_EMULATOR_HOST: emulators.firestoreHost,
          STORAGE_EMULATOR_HOST: storage.url,
          GCE_METADATA_HOST: (await issuer.metadata(accountEmail(settings, name))).host,
          // Probing for one would cost the first ID token a second.
          METADATA_SERVER_DETECTION: 'assume-present',
        }),
    }),
    (it) => it.stop(),
  );
  const local = localSettings(settings, functions.urls, issuer);
  const notes = [
    `${emulators.firestoreHost}  documents, as FIRESTORE_EMULATOR_HOST`,
    `${storage.url}  objects, as STORAGE_EMULATOR_HOST: ${Object.keys(topology.buckets)
      .map((name) => bucketName(settings, name))
      .join(', ')}`,
  ];
  return await assemble(release, { options, settings: local, issuer, source, key, pids: functions.pids, notes });
}

/** The client libraries of this process find the emulators by its environment, and only there. */
function useEmulators({ pubsubHost, firestoreHost }: Emulators, storageUrl: string): () => void {
  const wanted: Record<string, string> = {
    PUBSUB_EMULATOR_HOST: pubsubHost,
    FIRESTORE_EMULATOR_HOST: firestoreHost,
    STORAGE_EMULATOR_HOST: storageUrl,
    METADATA_SERVER_DETECTION: 'none',
  };
  const before = Object.keys(wanted).map((name) => [name, process.env[name]] as const);
  Object.assign(process.env, wanted);
  return () => {
    for (const [name, value] of before) {
      if (value === undefined) delete process.env[name];
      else process.env[name] = value;
    }
  };
}

function subscriptions(settings: Settings, log: Log) {
  return pubsubSubscriptions({
    projectId: settings.project,
    topology,
    clock: systemClock(),
    backoffMinimumMs: settings.times.backoffMinimumMs,
    backoffMaximumMs: settings.times.backoffMaximumMs,
    onError: (subscription, error) => log.warn({ subscription, error: String(error) }, 'pull broke off'),
  });
}

async function withControl<T>(settings: Settings, use: (control: ReturnType<typeof firestoreDocuments>) => Promise<T>): Promise<T> {
  const control = firestoreDocuments({ projectId: settings.project, databaseId: 'control', topology });
  try {
    return await use(control);
  } finally {
    await control.close();
  }
}

function printLine(name: string, line: string): void {
  process.stdout.write(`${name} | ${line}\n`);
}
