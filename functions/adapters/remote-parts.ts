/** What stands behind the ports of a function in a process of its own: Google's services, or their emulators. */

import { Problem } from '../core/errors.ts';
import type { Objects } from '../core/ports.ts';
import { requiredSecret } from '../core/required-secret.ts';
import type { Settings } from '../core/settings.ts';
import { type Role, topology } from '../topology.ts';
import { systemClock } from './clock.ts';
import { cloudObjects } from './cloud-storage.ts';
import { firestoreDocuments } from './firestore.ts';
import { granted } from './granted.ts';
import { lateSigning } from './late-signing.ts';
import { localSecrets } from './local-secrets.ts';
import { pubsubMessages, pubsubSubscriptionAdmin } from './pubsub.ts';
import type { Parts } from './runtime.ts';
import { secretManager } from './secret-manager.ts';

export interface FunctionParts {
  readonly parts: Parts;
  /** Resolves once the parts can be used. Rejects with `Problem` `secret_missing` and its like; the next call tries again. */
  ready(): Promise<void>;
}

/**
 * The parts of one function, with what its row in the topology grants: a call beyond that is `Problem` 500 `not_granted`. Nothing
 * is loaded or read before it is needed, but for what `ready` reads.
 */
export function functionParts(name: string, settings: Settings): FunctionParts {
  const row = topology.functions[name];
  if (row === undefined) throw new TypeError(`The topology has no function ${name}.`);
  const all = allPorts(settings);
  const ports = granted(name, row.roles, all, settings);
  const { signing, ready } = lateSigning(() => requiredSecret(ports.secrets, 'signing-key'));
  const signs = row.roles.some((role) => role.kind === 'secret' && role.secret === 'signing-key');
  const stores = (['documents', 'control'] as const).filter((port) => reads(row.roles, port === 'documents' ? 'tasks' : port));
  let isWarm = false;
  return {
    parts: { ...ports, signing },
    ready() {
      const readable = signs ? ready() : Promise.resolve();
      // While the secret, and the rest of the first request, are on their way. The other clients wait until they are used: loading
      // them takes the one processor from first requests that need none of them.
      if (!isWarm) for (const store of stores) void all[store].warm();
      isWarm = true;
      return readable;
    },
  };
}

const reads = (roles: readonly Role[], database: 'tasks' | 'control'): boolean =>
  roles.some((role) => role.kind === 'database' && role.database === database);

/** All parts, ready for use by whoever may do everything. */
export async function remoteParts(settings: Settings): Promise<Parts> {
  const ports = allPorts(settings);
  const { signing, ready } = lateSigning(() => requiredSecret(ports.secrets, 'signing-key'));
  await ready();
  return { ...ports, signing };
}

function allPorts(settings: Settings) {
  const projectId = settings.project;
  return {
    documents: firestoreDocuments({ projectId, databaseId: 'tasks', topology }),
    control: firestoreDocuments({ projectId, databaseId: 'control', topology }),
    messages: pubsubMessages({ projectId }),
    subscriptions: pubsubSubscriptionAdmin({
      projectId,
      emulated: Boolean(process.env.PUBSUB_EMULATOR_HOST),
      backoffMinimumMs: settings.times.backoffMinimumMs,
      backoffMaximumMs: settings.times.backoffMaximumMs,
    }),
    objects: remoteObjects(settings),
    secrets:
      settings.runtime === 'cloud'
        ? secretManager({ settings, clock: systemClock(), emulatorHost: process.env.SECRET_MANAGER_EMULATOR_HOST })
        : localSecrets(settings),
  };
}

/** Emulators alone must not lead to Google's own storage. */
function remoteObjects(settings: Settings): Objects {
  if (settings.runtime === 'cloud' || process.env.STORAGE_EMULATOR_HOST) return cloudObjects(settings);
  const refuse = async (): Promise<never> => {
    const advice = 'Give the address of a storage server (http://host:port) in STORAGE_EMULATOR_HOST.';
    throw new Problem(503, 'objects_unavailable', `There is nowhere to keep objects. ${advice}`);
  };
  return { put: refuse, get: refuse, delete: refuse, list: refuse };
}
