import type { StatementSync } from 'node:sqlite';
import { openDatabase } from '../../functions/adapters/sqlite-database.ts';
import type { Bucket, StoredObject } from './resource.ts';
import type { Upload } from './sessions.ts';

/** The tables of buckets, objects and upload sessions. Works run whole or not at all, and settle once they are on disk. */
export interface Store {
  read<T>(work: (tables: Tables) => T): Promise<T>;
  write<T>(work: (tables: Tables) => T): Promise<T>;
  /** Never comes twice, and only grows: generations, and the names of contents. */
  next(): number;
  close(): Promise<void>;
}

export interface Tables {
  bucket(name: string): Bucket | undefined;
  buckets(prefix: string, after: string, limit: number): Bucket[];
  putBucket(bucket: Bucket): void;
  removeBucket(name: string): void;
  /** The live version unless a generation is named. */
  object(bucket: string, name: string, generation?: number): StoredObject | undefined;
  /** Everything in a bucket behind `after` and below `before`, by the bytes of its name and then by generation. */
  objects(bucket: string, after: Place, before: Buffer, versions: boolean): Iterable<StoredObject>;
  putObject(object: StoredObject): void;
  removeObject(object: StoredObject): void;
  upload(id: string): Upload | undefined;
  putUpload(upload: Upload): void;
  removeUpload(id: string): void;
  removeUploadsBefore(time: number): void;
  isContentUsed(content: string): boolean;
}

/** A place in a list. */
export interface Place {
  readonly name: Buffer;
  readonly generation: number;
}

/** Before everything: no generation is below 1. */
export const FIRST: Place = { name: Buffer.alloc(0), generation: 0 };
/** Behind every name that begins with what stands before it: no UTF-8 has this byte. */
export const LAST = Buffer.from([0xff]);

/** Names are bytes, so that they sort as Cloud Storage sorts them: by UTF-8, where UTF-16 would differ. */
const SCHEMA = `
  CREATE TABLE IF NOT EXISTS buckets (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS objects (
    bucket TEXT NOT NULL, name BLOB NOT NULL, generation INTEGER NOT NULL, live INTEGER NOT NULL, content TEXT NOT NULL,
    value TEXT NOT NULL, PRIMARY KEY (bucket, name, generation)) STRICT, WITHOUT ROWID;
  CREATE UNIQUE INDEX IF NOT EXISTS one_live ON objects (bucket, name) WHERE live = 1;
  CREATE INDEX IF NOT EXISTS contents ON objects (content);
  CREATE TABLE IF NOT EXISTS uploads (
    id TEXT PRIMARY KEY, content TEXT NOT NULL, started_at INTEGER NOT NULL, value TEXT NOT NULL) STRICT, WITHOUT ROWID;`;

/** Opens or makes the file. Throws `Problem` `data_in_use` when another process has it. */
export function openStore(path: string): Store {
  const database = openDatabase({ path });
  database.define(SCHEMA);
  const tables = tablesOf((sql) => database.prepare(sql));
  return {
    read: (work) => database.read(() => work(tables)),
    write: (work) => database.write(() => work(tables), 'undoable'),
    next: () => database.next(),
    close: () => database.close(),
  };
}

function tablesOf(prepare: (sql: string) => StatementSync): Tables {
  const bucket = prepare('SELECT value FROM buckets WHERE name = ?');
  const buckets = prepare('SELECT value FROM buckets WHERE name > ? AND substr(name, 1, length(?)) = ? ORDER BY name LIMIT ?');
  const putBucket = prepare('INSERT OR REPLACE INTO buckets VALUES (?, ?)');
  const removeBucket = prepare('DELETE FROM buckets WHERE name = ?');
  const live = prepare('SELECT value FROM objects WHERE bucket = ? AND name = ? AND live = 1');
  const version = prepare('SELECT value FROM objects WHERE bucket = ? AND name = ? AND generation = ?');
  const objects = prepare(`SELECT value FROM objects
    WHERE bucket = ? AND (name, generation) > (?, ?) AND name < ? AND live >= ? ORDER BY name, generation`);
  // Replacing whatever is in the way would lose a live version that was not retired.
  const putObject = prepare(`INSERT INTO objects VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (bucket, name, generation)
    DO UPDATE SET live = excluded.live, content = excluded.content, value = excluded.value`);
  const removeObject = prepare('DELETE FROM objects WHERE bucket = ? AND name = ? AND generation = ?');
  const upload = prepare('SELECT value FROM uploads WHERE id = ?');
  const putUpload = prepare('INSERT OR REPLACE INTO uploads VALUES (?, ?, ?, ?)');
  const removeUpload = prepare('DELETE FROM uploads WHERE id = ?');
  const removeUploads = prepare('DELETE FROM uploads WHERE started_at < ?');
  const used = prepare(`SELECT EXISTS (SELECT 1 FROM objects WHERE content = ?1)
    OR EXISTS (SELECT 1 FROM uploads WHERE content = ?1) AS used`);
  return {
    bucket: (name) => valueIn(bucket.get(name)),
    buckets: (prefix, after, limit) => buckets.all(after, prefix, prefix, limit).map((row) => valueIn(row) as Bucket),
    putBucket: (value) => void putBucket.run(value.name, JSON.stringify(value)),
    removeBucket: (name) => void removeBucket.run(name),
    object: (inBucket, name, generation) =>
      valueIn(
        generation === undefined ? live.get(inBucket, Buffer.from(name)) : version.get(inBucket, Buffer.from(name), generation),
      ),
    *objects(inBucket, { name, generation }, before, versions) {
      for (const row of objects.iterate(inBucket, name, generation, before, versions ? 0 : 1)) yield valueIn(row) as StoredObject;
    },
    putObject: (value) => {
      const { bucket: inBucket, name, generation, live: isLive, content } = value;
      putObject.run(inBucket, Buffer.from(name), generation, isLive ? 1 : 0, content, JSON.stringify(value));
    },
    removeObject: (value) => void removeObject.run(value.bucket, Buffer.from(value.name), value.generation),
    upload: (id) => valueIn(upload.get(id)),
    putUpload: (value) => void putUpload.run(value.id, value.content, value.startedAt, JSON.stringify(value)),
    removeUpload: (id) => void removeUpload.run(id),
    removeUploadsBefore: (time) => void removeUploads.run(time),
    isContentUsed: (content) => used.get(content)?.used === 1,
  };
}

function valueIn<T>(row: Record<string, unknown> | undefined): T | undefined {
  return row === undefined ? undefined : (JSON.parse(row.value as string) as T);
}
