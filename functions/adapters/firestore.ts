import type * as Library from '@google-cloud/firestore';
import { Problem } from '../core/errors.ts';
import { type Documents, PreconditionFailed, type Query, type Stored, type Write } from '../core/ports.ts';
import type { Topology } from '../topology.ts';
import { type Codec, firestoreCodec } from './firestore-values.ts';
import { watchDocument } from './firestore-watch.ts';
import { closeWithin, within } from './within.ts';

/** The client itself tries for minutes. */
const LONGEST_MS = 15_000;

/** A store whose client can be loaded ahead of its first call. */
export interface FirestoreDocuments extends Documents {
  /** Resolves once it is loaded, or could not be: then the first call says why. */
  warm(): Promise<void>;
}

/**
 * The document store on Firestore (or its emulator, by `FIRESTORE_EMULATOR_HOST`). A version is the document's update time, so
 * a write that changes nothing leaves it as it is. What was not answered may still have been written. Errors other than
 * preconditions are `Problem` `store_unavailable`.
 */
export function firestoreDocuments(options: {
  readonly projectId: string;
  readonly databaseId: string;
  readonly topology: Pick<Topology, 'collections'>;
}): FirestoreDocuments {
  let opening: Promise<Client> | undefined;
  const client = (): Promise<Client> => {
    opening ??= open(options);
    return opening;
  };

  return {
    async warm() {
      await client().catch(() => {});
    },

    async get(collection, id) {
      const { firestore, codec } = await client();
      const snapshot = await within(LONGEST_MS, firestore.collection(collection).doc(id).get()).catch(unavailable);
      const stored = storedOf(snapshot, codec(collection));
      return stored && { ...stored, at: snapshot.readTime.toMillis() };
    },

    async commit(writes) {
      const opened = await client();
      const batch = opened.firestore.batch();
      const lastOf = writes.map((write) => addWrite(opened, batch, write));
      const results = await within(LONGEST_MS, batch.commit()).catch((error) => refused(error, writes));
      // The operations so far, less one, is the place of a write's last operation in the results.
      let operations = 0;
      return lastOf.map((count) => {
        operations += count;
        const { writeTime } = results[operations - 1] as Library.WriteResult;
        return { version: versionOf(writeTime), at: writeTime.toMillis() };
      });
    },

    async query(collection, query) {
      const opened = await client();
      const codec = opened.codec(collection);
      const snapshot = await within(LONGEST_MS, selection(opened, collection, query).get()).catch(unavailable);
      return { documents: snapshot.docs.map((found) => storedOf(found, codec) as Stored), at: snapshot.readTime.toMillis() };
    },

    watch(collection, id, onChange, onError) {
      let stopped = false;
      let stop = () => {};
      client().then(({ firestore, codec }) => {
        if (stopped) return;
        stop = watchDocument(
          firestore.collection(collection).doc(id),
          (snapshot) => onChange(storedOf(snapshot, codec(collection))),
          (error) => onError(problemOf(error)),
        );
      }, onError);
      return () => {
        stopped = true;
        stop();
      };
    },

    async close() {
      const opened = await opening;
      if (opened) await closeWithin(() => opened.firestore.terminate());
    },
  };
}

interface Client {
  readonly library: typeof Library;
  readonly firestore: Library.Firestore;
  codec(collection: string): Codec;
}

async function open({ projectId, databaseId, topology }: Parameters<typeof firestoreDocuments>[0]): Promise<Client> {
  const library = await import('@google-cloud/firestore');
  const firestore = new library.Firestore({ projectId, databaseId });
  const codecs = new Map(Object.entries(topology.collections).map(([name, row]) => [name, firestoreCodec(library, row)]));
  const codec = (collection: string): Codec => {
    const found = codecs.get(collection);
    if (found === undefined) throw new TypeError(`There is no collection "${collection}".`);
    return found;
  };
  return { library, firestore, codec };
}

/** Returns how many operations the write became. */
function addWrite({ library, firestore, codec }: Client, batch: Library.WriteBatch, write: Write): number {
  const reference = firestore.collection(write.collection).doc(write.id);
  const { encode, name, elements } = codec(write.collection);
  switch (write.kind) {
    case 'create':
      batch.create(reference, encode(write.data));
      return 1;
    case 'update': {
      const fields = encode(write.set ?? {});
      for (const field of write.remove ?? []) fields[name(field)] = library.FieldValue.delete();
      for (const [field, values] of Object.entries(write.append ?? {})) {
        fields[name(field)] = library.FieldValue.arrayUnion(...elements(values));
      }
      batch.update(reference, fields as Library.UpdateData<Library.DocumentData>, preconditionOf(library, write.version));
      return 1;
    }
    case 'replace':
      // The client offers no precondition on a whole-document write.
      batch.delete(reference, preconditionOf(library, write.version));
      batch.create(reference, encode(write.data));
      return 2;
    case 'delete':
      batch.delete(reference, write.version === undefined ? {} : preconditionOf(library, write.version));
      return 1;
  }
}

function selection({ library, firestore, codec }: Client, collection: string, query: Query): Library.Query {
  const { name } = codec(collection);
  const { field, direction } = query.orderBy;
  let selected: Library.Query = firestore.collection(collection);
  for (const [equal, value] of Object.entries(query.equal)) selected = selected.where(name(equal), '==', value);
  if (query.atMost !== undefined) selected = selected.where(name(field), '<=', query.atMost);
  selected = selected.orderBy(name(field), direction).orderBy(library.FieldPath.documentId(), direction);
  if (query.after) selected = selected.startAfter(query.after.value, query.after.id);
  if (query.fields) selected = selected.select(...query.fields.map(name));
  return selected.limit(query.limit);
}

function storedOf(snapshot: Library.DocumentSnapshot, { decode }: Codec): Stored | undefined {
  const data = snapshot.data();
  if (data === undefined || snapshot.updateTime === undefined) return undefined;
  return { id: snapshot.id, data: decode(data), version: versionOf(snapshot.updateTime) };
}

const versionOf = ({ seconds, nanoseconds }: Library.Timestamp): string => `${seconds}.${nanoseconds}`;

function preconditionOf({ Timestamp }: typeof Library, version: string): Library.Precondition {
  const parts = /^(\d{1,11})\.(\d{1,9})$/.exec(version);
  if (parts === null) throw new PreconditionFailed(`"${version}" is no version.`);
  return { lastUpdateTime: new Timestamp(Number(parts[1]), Number(parts[2])) };
}

/** Of gRPC. */
const NOT_FOUND = 5;
/** Among other things, of a version that is newer than the stored one. */
const INVALID_ARGUMENT = 3;
const PRECONDITION_CODES = [6 /* ALREADY_EXISTS */, 9 /* FAILED_PRECONDITION */, 10 /* ABORTED, where writers met */];

function refused(error: Error & { code?: number }, writes: readonly Write[]): never {
  // A create alone finds nothing missing but the database.
  const missing = error.code === NOT_FOUND && writes.some(({ kind }) => kind !== 'create');
  const ahead = error.code === INVALID_ARGUMENT && /base version/.test(error.message);
  if (missing || ahead || PRECONDITION_CODES.includes(error.code ?? -1))
    throw new PreconditionFailed(error.message, { cause: error });
  throw problemOf(error);
}

function unavailable(error: Error): never {
  throw problemOf(error);
}

function problemOf(cause: Error): Problem {
  return new Problem(503, 'store_unavailable', 'Firestore did not answer as it should.', { cause });
}
