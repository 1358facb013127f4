/** Which adapters stand behind the ports, per runtime. What a function does not use is never loaded. */

import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import manifest from '../../package.json' with { type: 'json' };
import type { Problem } from '../core/errors.ts';
import type { Identity, MadeSubscriptions, Messages, Subscriptions } from '../core/ports.ts';
import { agentRegistry } from '../core/registry/agents.ts';
import { requiredSecret } from '../core/required-secret.ts';
import type { Runtime } from '../core/runtime.ts';
import type { Settings } from '../core/settings.ts';
import { signingFrom } from '../core/signing.ts';
import { topology } from '../topology.ts';
import { systemClock } from './clock.ts';
import { fileObjects } from './files.ts';
import { googleIdentity } from './identity.ts';
import { systemIds } from './ids.ts';
import { lazyEgress } from './lazy-egress.ts';
import { lazyHostFiles } from './lazy-host-files.ts';
import { lazyMcp, noMcp } from './lazy-mcp.ts';
import { lazySsh } from './lazy-ssh.ts';
import { localSecrets } from './local-secrets.ts';
import { jsonLog } from './log.ts';
import { projectTrees } from './project-trees.ts';
import type { Sync } from './sqlite-file.ts';
import { remoteTokenKeys } from './token-keys.ts';

/** What the functions of one runtime share. */
export type Parts = Pick<Runtime, 'documents' | 'control' | 'messages' | 'subscriptions' | 'objects' | 'secrets' | 'signing'>;

export interface EmbeddedParts extends Parts {
  readonly queue: Messages & Subscriptions & MadeSubscriptions;
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
  const secrets = localSecrets(settings);
  return {
    documents,
    control,
    messages: queue,
    subscriptions: queue,
    queue,
    objects: fileObjects({ folder: join(settings.dataDir, 'objects') }),
    secrets,
    signing: signingFrom(await requiredSecret(secrets, 'signing-key')),
    whenDurable: database.whenDurable,
    async close() {
      await queue.close();
      await documents.close();
      await control.close();
      await database.close();
    },
  };
}

/** What one function is given. `identity` is the function's own; by default the one that the metadata server gives. */
export function runtimeOf(name: string, settings: Settings, parts: Parts, identity?: Identity): Runtime {
  const clock = systemClock();
  const log = jsonLog({ level: settings.logLevel, name, project: settings.project });
  const { version } = manifest;
  return {
    ...parts,
    name,
    version,
    settings,
    trees: projectTrees(settings, join(settings.dataDir, 'rollbacks'), accessToProjects(name)),
    files: lazyHostFiles(settings),
    clock,
    ids: systemIds(),
    egress: lazyEgress({ allowLoopback: settings.allowLoopback, operatorOrigins: operatorOrigins(settings) }),
    mcp: name === 'agent-light' ? lazyMcp({ settings, version, log }) : noMcp(name),
    ssh: lazySsh(settings),
    identity: identity ?? googleIdentity({ clock, projectId: settings.project }),
    tokenKeys: remoteTokenKeys({ url: settings.oidc.jwksUrl, clock }),
    agents: agentRegistry(settings),
    log,
  };
}

function accessToProjects(name: string): 'read' | 'write' | undefined {
  return topology.functions[name]?.roles.find((role) => role.kind === 'projects')?.access;
}

/** Addresses of the operator's own configuration: its agents and flows, and its own functions. */
export function operatorOrigins({ agents, intents, functionUrls }: Settings): string[] {
  const flows = intents.flatMap(({ mode, target }) => (mode === 'flow' ? [target] : []));
  const all = [...agents.map(({ endpoint }) => endpoint), ...flows, ...Object.values(functionUrls)];
  return all.map((url) => new URL(url).origin);
}
