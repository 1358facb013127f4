/** Which adapters stand behind the ports, per runtime. What a function does not use is never loaded. */

import { randomBytes } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import manifest from '../../package.json' with { type: 'json' };
import { agentRegistry } from '../core/agents.ts';
import { Problem } from '../core/errors.ts';
import type { Identity, Messages, Secrets, Subscriptions } from '../core/ports.ts';
import type { Runtime } from '../core/runtime.ts';
import type { Settings } from '../core/settings.ts';
import { signingFrom } from '../core/signing.ts';
import { topology } from '../topology.ts';
import { systemClock } from './clock.ts';
import { fileObjects } from './files.ts';
import { googleIdentity } from './identity.ts';
import { systemIds } from './ids.ts';
import { lazyEgress } from './lazy-egress.ts';
import { jsonLog } from './log.ts';
import { fileSecrets } from './secret-file.ts';
import type { Sync } from './sqlite-file.ts';
import { remoteTokenKeys } from './token-keys.ts';

/** What the functions of one runtime share. */
export type Parts = Pick<Runtime, 'documents' | 'control' | 'messages' | 'objects' | 'secrets' | 'signing'>;

export interface EmbeddedParts extends Parts {
  readonly queue: Messages & Subscriptions;
  /** Calls back once everything written so far is on disk, or with the reason why it never will be. */
  whenDurable(done: (failure: Problem | undefined) => void): void;
  close(): Promise<void>;
}

/**
 * The parts of the embedded runtime, on one SQLite file in the data folder. Whoever writes may go on at once; whatever leaves the
 * process has to wait for `whenDurable`. Throws `Problem` `data_in_use`.
 */
export async function embeddedParts(settings: Settings, sync?: Sync): Promise<EmbeddedParts> {
  const { openDatabase } = await import('./sqlite-database.ts');
  const { sqliteDocuments } = await import('./sqlite-documents.ts');
  const { sqliteQueue } = await import('./sqlite-queue.ts');
  await mkdir(settings.dataDir, { recursive: true, mode: 0o700 });
  const database = openDatabase({ path: join(settings.dataDir, 'heliograph.db'), settles: 'at once', sync });
  const clock = systemClock();
  const documents = sqliteDocuments(database, topology, 'tasks', clock);
  const control = sqliteDocuments(database, topology, 'control', clock);
  const { backoffMinimumMs, backoffMaximumMs } = settings.times;
  const queue = sqliteQueue(database, topology, clock, { backoffMinimumMs, backoffMaximumMs, projectId: settings.project });
  const local = await localParts(settings);
  return {
    ...local,
    documents,
    control,
    messages: queue,
    queue,
    whenDurable: database.whenDurable,
    async close() {
      await queue.close();
      await documents.close();
      await control.close();
      await database.close();
    },
  };
}

/** The parts of a function's own process: Firestore and Pub/Sub, through their emulators where the environment names them. */
export async function remoteParts(settings: Settings): Promise<Parts> {
  if (settings.runtime === 'cloud') {
    throw new Problem(
      501,
      'not_available',
      'This version runs locally: the adapters for Cloud Storage and Secret Manager are not part of it yet.',
    );
  }
  const { firestoreDocuments } = await import('./firestore.ts');
  const { pubsubMessages } = await import('./pubsub.ts');
  return {
    ...(await localParts(settings)),
    documents: firestoreDocuments({ projectId: settings.project, databaseId: 'tasks', topology }),
    control: firestoreDocuments({ projectId: settings.project, databaseId: 'control', topology }),
    messages: pubsubMessages({ projectId: settings.project }),
  };
}

/** What one function is given. `identity` is the function's own; by default the one that the metadata server gives. */
export function runtimeOf(name: string, settings: Settings, parts: Parts, identity?: Identity): Runtime {
  const clock = systemClock();
  return {
    ...parts,
    name,
    version: manifest.version,
    settings,
    clock,
    ids: systemIds(),
    egress: lazyEgress({ allowLoopback: settings.allowLoopback, operatorOrigins: operatorOrigins(settings) }),
    identity: identity ?? googleIdentity({ clock }),
    tokenKeys: remoteTokenKeys({ url: settings.oidc.jwksUrl, clock }),
    agents: agentRegistry(settings),
    log: jsonLog({ level: settings.logLevel, name, project: settings.project }),
  };
}

/** Makes the secrets that a local runtime needs and does not have yet; of several processes that do so at once, one wins. */
async function ensureSecrets(settings: Settings): Promise<Secrets> {
  const secrets = fileSecrets({ folder: join(settings.dataDir, 'secrets'), masterKey: settings.masterKey });
  for (const name of topology.secrets) {
    if ((await secrets.read(name)) === undefined)
      await secrets.write(name, randomBytes(32).toString('base64url'), { ifAbsent: true });
  }
  return secrets;
}

async function localParts(settings: Settings): Promise<Pick<Parts, 'objects' | 'secrets' | 'signing'>> {
  const secrets = await ensureSecrets(settings);
  const secret = await secrets.read('signing-key');
  if (secret === undefined) throw new Problem(500, 'secret_missing', 'The secret signing-key is not set.');
  return { secrets, signing: signingFrom(secret), objects: fileObjects({ folder: join(settings.dataDir, 'objects') }) };
}

/** Addresses of the operator's own configuration: its agents, and its own functions. */
function operatorOrigins(settings: Settings): string[] {
  return [...settings.agents.map(({ endpoint }) => endpoint), ...Object.values(settings.functionUrls)].map(
    (url) => new URL(url).origin,
  );
}
