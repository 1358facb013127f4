/** API keys of a deployed Heliograph: their hashes stand in the database `control`, the keys themselves nowhere. */

import { firestoreDocuments } from '../../functions/adapters/firestore.ts';
import { systemIds } from '../../functions/adapters/ids.ts';
import { newApiKey, type Scope } from '../../functions/core/authenticate.ts';
import { Problem } from '../../functions/core/errors.ts';
import type { Write } from '../../functions/core/ports.ts';
import { topology } from '../../functions/topology.ts';
import { checkDefaultLogin } from './google.ts';

export interface KeyOwner {
  readonly tenant: string;
  readonly scopes: readonly Scope[];
  /** How long it is good; for ever without. */
  readonly lifetimeMs?: number;
}

export interface Keys {
  /** Makes a key. `key` is shown to whoever it is for, and cannot be had again. */
  make(owner: KeyOwner): Promise<{ readonly key: string; readonly id: string; readonly expiresAt?: number }>;
  /** Ends a key; functions that have just used it may take it for ten more seconds. Throws `Problem` `not_found`. */
  revoke(id: string): Promise<void>;
  /** Removes every trace of a key. */
  remove(id: string): Promise<void>;
  close(): Promise<void>;
}

/**
 * The keys of a project, reached with the application default credentials: whoever may write its database `control`. Throws
 * `Problem` `no_login`. What it gives throws `store_unavailable`, with Firestore's own words.
 */
export async function openKeys(projectId: string): Promise<Keys> {
  // The client throws past its callers when it finds none.
  if (!process.env.FIRESTORE_EMULATOR_HOST) await checkDefaultLogin();
  const control = firestoreDocuments({ projectId, databaseId: 'control', topology });
  const commit = (...writes: Write[]) => control.commit(writes).catch((error) => unavailable(error, projectId));
  return {
    async make({ tenant, scopes, lifetimeMs }) {
      const createdAt = Date.now();
      const expiresAt = lifetimeMs === undefined ? undefined : createdAt + lifetimeMs;
      const owner = { tenant, scopes, createdAt, ...(expiresAt !== undefined && { expiresAt }) };
      const { key, id, record } = newApiKey(systemIds().random, owner);
      await commit({ kind: 'create', collection: 'keys', id, data: record });
      return { key, id, expiresAt };
    },
    async revoke(id) {
      const stored = await control.get('keys', id).catch((error) => unavailable(error, projectId));
      if (stored === undefined)
        throw new Problem(404, 'not_found', `There is no key ${id}: its id is the middle part of hg.<id>.<secret>.`);
      await commit({ kind: 'update', collection: 'keys', id, version: stored.version, set: { revoked: true } });
    },
    async remove(id) {
      await commit({ kind: 'delete', collection: 'keys', id });
    },
    close: () => control.close(),
  };
}

function unavailable(error: unknown, projectId: string): never {
  if (!(error instanceof Problem) || error.code !== 'store_unavailable') throw error;
  const { message } = (error.cause ?? error) as Error;
  const what = `The database control of ${projectId} cannot be used: ${message}`;
  throw new Problem(503, 'store_unavailable', `${what}\nNeeded: a deployment, and roles/datastore.user for this login.`, {
    cause: error,
  });
}
