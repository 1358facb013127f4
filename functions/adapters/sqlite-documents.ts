import type { Clock, Documents } from '../core/ports.ts';
import type { DatabaseName, Topology } from '../topology.ts';
import { type Collection, openCollection } from './sqlite-collection.ts';
import type { Database } from './sqlite-database.ts';

const EXPIRY_EVERY_MS = 60_000;
const EXPIRY_BATCH = 200;

/** The document store on SQLite: the collections that `topology` gives to `databaseName`, each a table of `database`. */
export function sqliteDocuments(
  database: Database,
  topology: Pick<Topology, 'collections'>,
  databaseName: DatabaseName,
  clock: Clock,
): Documents & {
  /** Removes documents past their time to live, at most `limit` per collection; returns how many. Runs every minute by itself. */
  removeExpired(limit: number): Promise<number>;
} {
  const collections = new Map<string, Collection>();
  for (const [name, row] of Object.entries(topology.collections)) {
    if (row.database === databaseName) collections.set(name, openCollection(database, name, row));
  }
  const collectionOf = (name: string): Collection => {
    const collection = collections.get(name);
    if (collection === undefined) throw new TypeError(`The database "${databaseName}" has no collection "${name}".`);
    return collection;
  };
  const watchers = watching();
  const forgetChanges = database.onVisible(() => watchers.notify());

  const removeExpired = (limit: number): Promise<number> =>
    database.write(() => {
      let removed = 0;
      for (const [name, collection] of collections) {
        for (const id of collection.removeExpired(clock.now(), limit)) {
          removed += 1;
          watchers.changed(name, id);
        }
      }
      return removed;
    }, 'undoable');

  let cancelExpiry: () => void;
  const scheduleExpiry = (): void => {
    cancelExpiry = clock.after(EXPIRY_EVERY_MS, () => {
      // What could not be removed now is found again a minute later.
      removeExpired(EXPIRY_BATCH).catch(() => {});
      scheduleExpiry();
    });
  };
  scheduleExpiry();

  return {
    removeExpired,

    get: async (name, id) => {
      const collection = collectionOf(name);
      return database.read(() => {
        const found = collection.get(id);
        return found && { ...found, at: clock.now() };
      });
    },

    commit: async (writes) => {
      const apply = () => {
        const at = clock.now();
        return writes.map((write) => {
          const written = collectionOf(write.collection).apply(write, at);
          watchers.changed(write.collection, write.id);
          return written;
        });
      };
      return database.write(apply, writes.length > 1 ? 'undoable' : undefined);
    },

    query: async (name, query) => {
      const collection = collectionOf(name);
      return database.read(() => ({ documents: collection.query(query), at: clock.now() }));
    },

    watch(name, id, onChange, onError) {
      const collection = collectionOf(name);
      let stopped = false;
      const tell = (): void => {
        const read = database.read(() => collection.get(id));
        read.then(
          (found) => stopped || onChange(found),
          (error) => stopped || onError(error),
        );
      };
      const forget = watchers.add(name, id, tell);
      tell();
      return () => {
        stopped = true;
        forget();
      };
    },

    async close() {
      cancelExpiry();
      forgetChanges();
      watchers.clear();
    },
  };
}

/** Who wants to know of which document, and which of those documents the open transaction has written. */
function watching() {
  const watched = new Map<string, Set<() => void>>();
  const written = new Set<string>();
  const keyOf = (collection: string, id: string): string => `${collection}/${id}`;

  return {
    add(collection: string, id: string, tell: () => void): () => void {
      const key = keyOf(collection, id);
      const tellers = watched.get(key) ?? new Set();
      watched.set(key, tellers.add(tell));
      return () => {
        tellers.delete(tell);
        if (tellers.size === 0 && watched.get(key) === tellers) watched.delete(key);
      };
    },
    changed(collection: string, id: string): void {
      if (watched.size > 0 && watched.has(keyOf(collection, id))) written.add(keyOf(collection, id));
    },
    notify(): void {
      if (written.size === 0) return;
      const keys = [...written];
      written.clear();
      for (const key of keys) for (const tell of watched.get(key) ?? []) tell();
    },
    clear: () => watched.clear(),
  };
}
