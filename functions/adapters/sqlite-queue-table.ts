import type { Database } from './sqlite-database.ts';

/** A message as it waits. Its sequence number is also its id. */
export interface QueuedMessage {
  readonly sequence: number;
  readonly data: Buffer;
  readonly attributes: Readonly<Record<string, string>>;
  /** Milliseconds since the epoch. */
  readonly publishTime: number;
  readonly nacks: number;
}

/** The statements of one subscription's table. Only nacked messages stand in its index, by the time they are due. */
export function queueTable(database: Database, subscription: string) {
  const table = `"queue_${subscription}"`;
  database.define(`CREATE TABLE IF NOT EXISTS ${table} (sequence INTEGER PRIMARY KEY, data BLOB NOT NULL, attributes TEXT NOT NULL,
    publish_time INTEGER NOT NULL, nacks INTEGER NOT NULL DEFAULT 0, due_at INTEGER)`);
  database.define(`CREATE INDEX IF NOT EXISTS "index_queue_${subscription}_due" ON ${table} (due_at) WHERE due_at IS NOT NULL`);

  const columns = 'sequence, data, attributes, publish_time AS publishTime, nacks';
  const insert = database.prepare(`INSERT INTO ${table} (sequence, data, attributes, publish_time) VALUES (?, ?, ?, ?)`);
  const remove = database.prepare(`DELETE FROM ${table} WHERE sequence = ?`);
  const delay = database.prepare(`UPDATE ${table} SET nacks = ?, due_at = ? WHERE sequence = ?`);
  const get = database.prepare(`SELECT ${columns} FROM ${table} WHERE sequence = ?`);
  const fresh = database.prepare(`SELECT ${columns} FROM ${table} WHERE sequence > ? AND sequence <= ? AND due_at IS NULL
    ORDER BY sequence LIMIT ?`);
  const due = database.prepare(`SELECT sequence FROM ${table} WHERE due_at <= ? ORDER BY due_at LIMIT ?`);
  const nextDue = database.prepare(`SELECT min(due_at) AS due FROM ${table} WHERE due_at > ?`);
  const removeBefore = database.prepare(`DELETE FROM ${table} WHERE publish_time < ?
    AND sequence IN (SELECT sequence FROM ${table} ORDER BY sequence LIMIT ?)`);

  return {
    insert: ({ sequence, data, attributes, publishTime }: QueuedMessage) =>
      void insert.run(sequence, data, JSON.stringify(attributes), publishTime),
    remove: (sequence: number) => void remove.run(sequence),
    delay: (sequence: number, nacks: number, dueAt: number) => void delay.run(nacks, dueAt, sequence),
    get: (sequence: number) => {
      const row = get.get(sequence) as Row | undefined;
      return row && messageOf(row);
    },
    fresh: (after: number, upTo: number, limit: number) => (fresh.all(after, upTo, limit) as unknown as Row[]).map(messageOf),
    due: (now: number, limit: number) => due.all(now, limit).map((row) => row.sequence as number),
    nextDue: (after = 0) => (nextDue.get(after)?.due ?? undefined) as number | undefined,
    drop: () => database.define(`DROP TABLE ${table}`),
    removeBefore: (publishTime: number, limit: number) => void removeBefore.run(publishTime, limit),
  };
}

type Row = Omit<QueuedMessage, 'data' | 'attributes'> & { readonly data: Uint8Array; readonly attributes: string };

const messageOf = ({ data, attributes, ...row }: Row): QueuedMessage => ({
  ...row,
  data: Buffer.from(data.buffer, data.byteOffset, data.byteLength),
  attributes: JSON.parse(attributes),
});
