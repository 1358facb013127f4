/** The documents of a simulated world, in memory, by the same contract as every store: what the ports read and write at once. */

import { refuseServerTime } from '../../functions/adapters/server-time.ts';
import {
  type Fields,
  PreconditionFailed,
  type Query,
  SERVER_TIME,
  type Stored,
  type Write,
  type Written,
} from '../../functions/core/ports.ts';
import type { CollectionRow, Topology } from '../../functions/topology.ts';

export interface Store {
  get(collection: string, id: string): Stored | undefined;
  /** All or none. Throws `PreconditionFailed`. */
  commit(writes: readonly Write[], at: number): Written[];
  query(collection: string, query: Query): Stored[];
  /** Calls back before the writer hears of it, with all of a commit; the documents are the store's own, not to be changed. */
  onCommit(listener: (changes: readonly StoreChange[]) => void): void;
  all(collection: string): ReadonlyMap<string, StoredDocument>;
}

export interface StoredDocument {
  readonly data: Fields;
  readonly version: number;
}

export interface StoreChange {
  readonly collection: string;
  readonly id: string;
  readonly before: Fields | undefined;
  readonly after: Fields | undefined;
  readonly at: number;
}

/** `rows` say where the time of a commit may stand. */
export function memoryStore(rows: Topology['collections']): Store {
  const collections = new Map<string, Map<string, StoredDocument>>();
  const listeners: ((changes: readonly StoreChange[]) => void)[] = [];
  let version = 0;

  const collectionOf = (name: string): Map<string, StoredDocument> => {
    const found = collections.get(name) ?? new Map<string, StoredDocument>();
    collections.set(name, found);
    return found;
  };

  return {
    get(collection, id) {
      const found = collectionOf(collection).get(id);
      return found && shown(id, found);
    },

    commit(writes, at) {
      // A later write of a commit sees the earlier ones; none of them shows before all have passed.
      const staged = new Map<string, StoredDocument | undefined>();
      const changes: StoreChange[] = [];
      const versions = writes.map((write) => {
        const key = `${write.collection}/${write.id}`;
        const before = staged.has(key) ? staged.get(key) : collectionOf(write.collection).get(write.id);
        const data = applied(write, before, at, rows[write.collection]);
        version += 1;
        staged.set(key, data && { data, version });
        changes.push({ collection: write.collection, id: write.id, before: before?.data, after: data, at });
        return { version: String(version), at };
      });
      for (const { collection, id } of changes) {
        const document = staged.get(`${collection}/${id}`);
        if (document === undefined) collectionOf(collection).delete(id);
        else collectionOf(collection).set(id, document);
      }
      for (const listener of listeners) listener(changes);
      return versions;
    },

    query(collection, { equal, orderBy, atMost = Infinity, after, fields, limit }) {
      const sign = orderBy.direction === 'asc' ? 1 : -1;
      const compare = (a: { value: number; id: string }, b: { value: number; id: string }) =>
        sign * (a.value - b.value || (a.id < b.id ? -1 : a.id > b.id ? 1 : 0));
      const wanted = Object.entries(equal);
      const found: { id: string; value: number; document: StoredDocument }[] = [];
      for (const [id, document] of collectionOf(collection)) {
        const value = document.data[orderBy.field];
        if (typeof value !== 'number' || value > atMost) continue;
        if (wanted.some(([field, same]) => document.data[field] !== same)) continue;
        if (after === undefined || compare({ value, id }, after) > 0) found.push({ id, value, document });
      }
      return found
        .sort(compare)
        .slice(0, limit)
        .map(({ id, document }) => shown(id, document, fields));
    },

    onCommit: (listener) => listeners.push(listener),
    all: collectionOf,
  };
}

/** The document after a write; throws when it does not find what it requires. */
function applied(write: Write, before: StoredDocument | undefined, at: number, row: CollectionRow | undefined): Fields | undefined {
  if (write.kind === 'create') {
    if (before !== undefined) throw new PreconditionFailed(`${write.collection}/${write.id} exists already.`);
    return copied(write.data, at, row);
  }
  if (write.kind === 'delete' && write.version === undefined) return undefined;
  if (before === undefined || String(before.version) !== write.version) {
    throw new PreconditionFailed(`${write.collection}/${write.id} has another version, or does not exist.`);
  }
  if (write.kind === 'delete') return undefined;
  if (write.kind === 'replace') return copied(write.data, at, row);
  const after: Fields = { ...before.data, ...copied(write.set ?? {}, at, row) };
  for (const field of write.remove ?? []) delete after[field];
  for (const [field, values] of Object.entries(write.append ?? {})) {
    const list = after[field];
    after[field] = [...(Array.isArray(list) ? list : []), ...(cloneOf(values) as unknown[])];
  }
  return after;
}

function copied(data: Fields, at: number, row: CollectionRow | undefined): Fields {
  if (row === undefined) throw new TypeError('There is no such collection.');
  const timed = { ...data };
  for (const field in timed) {
    if (timed[field] !== SERVER_TIME) continue;
    refuseServerTime(field, row);
    timed[field] = at;
  }
  return cloneOf(timed) as Fields;
}

/** Values are JSON, and leave nothing shared behind. */
const cloneOf = (value: unknown): unknown => JSON.parse(JSON.stringify(value));

const shown = (id: string, { data, version }: StoredDocument, fields?: readonly string[]): Stored => ({
  id,
  data: cloneOf(fields === undefined ? data : only(fields, data)) as Fields,
  version: String(version),
});

const only = (fields: readonly string[], data: Fields): Fields =>
  Object.fromEntries(Object.entries(data).filter(([field]) => fields.includes(field)));
