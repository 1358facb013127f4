import type { SQLInputValue, StatementSync } from 'node:sqlite';
import { type Fields, PreconditionFailed, type Query, SERVER_TIME, type Stored, type Write, type Written } from '../core/ports.ts';
import type { CollectionRow } from '../topology.ts';
import { refuseServerTime } from './server-time.ts';
import { column, defineTable, tableName } from './sqlite-collection-table.ts';
import type { Database } from './sqlite-database.ts';

/** One collection as one table. Everything here runs inside the caller's `read` or `write` of the database. */
export interface Collection {
  get(id: string): Stored | undefined;
  /** One statement changes the table, after everything that may refuse. `at` is the time of the commit, in milliseconds. */
  apply(write: Write, at: number): Written;
  query(query: Query): Stored[];
  /** Removes up to `limit` documents whose time to live ended before `before`; returns their ids. */
  removeExpired(before: number, limit: number): string[];
}

/** Opens the collection's table, or makes it. */
export function openCollection(database: Database, name: string, row: CollectionRow): Collection {
  const table = tableName(name);
  const fields = defineTable(database, name, row);

  const select = database.prepare(`SELECT version, data, rowid FROM ${table} WHERE id = ?`);
  const insert = database.prepare(
    `INSERT INTO ${table} (id, version, data${fields.map((field) => `, ${column(field)}`).join('')})
     VALUES (?, ?, ?${', ?'.repeat(fields.length)}) ON CONFLICT DO NOTHING`,
  );
  const remove = database.prepare(`DELETE FROM ${table} WHERE rowid = ?`);
  const expire =
    row.ttlField &&
    database.prepare(
      `DELETE FROM ${table} WHERE rowid IN
       (SELECT rowid FROM ${table} WHERE ${column(row.ttlField)} < ? ORDER BY ${column(row.ttlField)} LIMIT ?) RETURNING id`,
    );
  const statements = new Map<string, StatementSync>();
  const prepared = (sql: string): StatementSync => {
    let statement = statements.get(sql);
    if (statement === undefined) {
      statement = database.prepare(sql);
      statements.set(sql, statement);
    }
    return statement;
  };

  /** Only columns that changed: SQLite rewrites the indexes of every column that a statement names. */
  const store = (rowid: number, version: number, before: Fields, after: Fields): void => {
    const values: SQLInputValue[] = [version, JSON.stringify(after)];
    let sql = `UPDATE ${table} SET version = ?, data = ?`;
    for (const field of fields) {
      const value = columnValue(after[field]);
      if (value === columnValue(before[field])) continue;
      sql += `, ${column(field)} = ?`;
      values.push(value);
    }
    prepared(`${sql} WHERE rowid = ?`).run(...values, rowid);
  };

  const require = (id: string, version: string | undefined): Row => {
    const found = select.get(id) as Row | undefined;
    if (found !== undefined && (version === undefined || String(found.version) === version)) return found;
    throw new PreconditionFailed(`${name}/${id} ${found === undefined ? 'does not exist' : 'has another version'}.`);
  };

  const applyTo = (write: Write, version: number, at: number): void => {
    switch (write.kind) {
      case 'create': {
        const data = resolveTime(write.data, at, row);
        const columns = fields.map((field) => columnValue(data[field]));
        const { changes } = insert.run(write.id, version, JSON.stringify(data), ...columns);
        if (changes === 0) throw new PreconditionFailed(`${name}/${write.id} exists already.`);
        return;
      }
      case 'update': {
        const found = require(write.id, write.version);
        const before = JSON.parse(found.data) as Fields;
        const after = { ...before, ...resolveTime(write.set ?? {}, at, row) };
        for (const field of write.remove ?? []) delete after[field];
        for (const [field, values] of Object.entries(write.append ?? {})) {
          const list = after[field];
          after[field] = Array.isArray(list) ? [...list, ...values] : [...values];
        }
        store(found.rowid, version, before, after);
        break;
      }
      case 'replace': {
        const found = require(write.id, write.version);
        store(found.rowid, version, JSON.parse(found.data) as Fields, resolveTime(write.data, at, row));
        break;
      }
      case 'delete': {
        // Without a version it is no error that nothing is there, as in Firestore.
        const found = write.version === undefined ? (select.get(write.id) as Row | undefined) : require(write.id, write.version);
        if (found) remove.run(found.rowid);
      }
    }
  };

  return {
    get(id) {
      const found = select.get(id) as Row | undefined;
      return found && { id, data: JSON.parse(found.data) as Fields, version: String(found.version) };
    },

    apply(write, at) {
      const version = database.next();
      applyTo(write, version, at);
      return { version: String(version), at };
    },

    query(query) {
      const { sql, values } = selection(table, query);
      const rows = prepared(sql).all(...values) as unknown as (Row & { id: string })[];
      return rows.map((found) => ({ id: found.id, data: JSON.parse(found.data) as Fields, version: String(found.version) }));
    },

    removeExpired: (before, limit) => (expire ? expire.all(before, limit).map((found) => found.id as string) : []),
  };
}

interface Row {
  readonly version: number;
  readonly data: string;
  readonly rowid: number;
}

function selection(table: string, { equal, orderBy, atMost, after, limit }: Query): { sql: string; values: SQLInputValue[] } {
  const ordered = column(orderBy.field);
  const conditions = [`${ordered} IS NOT NULL`];
  const values: SQLInputValue[] = [];
  for (const [field, value] of Object.entries(equal)) {
    conditions.push(`${column(field)} = ?`);
    values.push(columnValue(value));
  }
  if (atMost !== undefined) {
    conditions.push(`${ordered} <= ?`);
    values.push(atMost);
  }
  if (after) {
    const beyond = orderBy.direction === 'asc' ? '>' : '<';
    conditions.push(`${ordered} ${beyond}= ? AND (${ordered} ${beyond} ? OR id ${beyond} ?)`);
    values.push(after.value, after.value, after.id);
  }
  values.push(limit);
  const sql = `SELECT id, version, data FROM ${table} WHERE ${conditions.join(' AND ')}
    ORDER BY ${ordered} ${orderBy.direction}, id ${orderBy.direction} LIMIT ?`;
  return { sql, values };
}

function resolveTime(data: Fields, at: number, row: CollectionRow): Fields {
  const resolved = { ...data };
  for (const field in resolved) {
    if (resolved[field] !== SERVER_TIME) continue;
    refuseServerTime(field, row);
    resolved[field] = at;
  }
  return resolved;
}

function columnValue(value: unknown): SQLInputValue {
  if (typeof value === 'boolean') return value ? 1 : 0;
  return typeof value === 'string' || typeof value === 'number' ? value : null;
}
