import type { SQLInputValue, StatementSync } from 'node:sqlite';
import { type Fields, PreconditionFailed, type Query, SERVER_TIME, type Stored, type Write, type Written } from '../core/ports.ts';
import type { CollectionRow } from '../topology.ts';
import { refuseServerTime } from './server-time.ts';
import { column, defineTable, tableName } from './sqlite-collection-table.ts';
import type { Database } from './sqlite-database.ts';
import { openRows, type Row } from './sqlite-rows.ts';

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

  const rows = openRows(database, table, fields.map(column));
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

  const columnsOf = (data: Fields): SQLInputValue[] => fields.map((field) => columnValue(data[field]));
  const store = (id: string, version: number, before: Fields, after: Fields): void =>
    rows.change(id, { version, data: JSON.stringify(after) }, columnsOf(after), columnsOf(before));

  const require = (id: string, version: string | undefined): Row => {
    const found = rows.find(id);
    if (found !== undefined && (version === undefined || String(found.version) === version)) return found;
    throw new PreconditionFailed(`${name}/${id} ${found === undefined ? 'does not exist' : 'has another version'}.`);
  };

  const applyTo = (write: Write, version: number, at: number): void => {
    switch (write.kind) {
      case 'create': {
        const data = resolveTime(write.data, at, row);
        const isNew = rows.add(write.id, { version, data: JSON.stringify(data) }, columnsOf(data));
        if (!isNew) throw new PreconditionFailed(`${name}/${write.id} exists already.`);
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
        store(write.id, version, before, after);
        break;
      }
      case 'replace': {
        const found = require(write.id, write.version);
        store(write.id, version, JSON.parse(found.data) as Fields, resolveTime(write.data, at, row));
        break;
      }
      case 'delete': {
        // Without a version it is no error that nothing is there, as in Firestore.
        if (write.version !== undefined) require(write.id, write.version);
        rows.remove(write.id);
      }
    }
  };

  return {
    get(id) {
      const found = rows.find(id);
      return found && { id, data: JSON.parse(found.data) as Fields, version: String(found.version) };
    },

    apply(write, at) {
      const version = database.next();
      applyTo(write, version, at);
      return { version: String(version), at };
    },

    query(query) {
      database.runDeferred();
      const { sql, values } = selection(table, query);
      const selected = prepared(sql).all(...values) as unknown as (Row & { id: string })[];
      return selected.map((found) => ({ id: found.id, data: fieldsOf(query, found.data), version: String(found.version) }));
    },

    removeExpired(before, limit) {
      database.runDeferred();
      return expire ? expire.all(before, limit).map((found) => found.id as string) : [];
    },
  };
}

function fieldsOf({ fields }: Query, data: string): Fields {
  const found = JSON.parse(data) as Fields;
  for (const field of fields ?? []) if (found[field] === null) delete found[field];
  return found;
}

function selection(
  table: string,
  { equal, orderBy, atMost, after, fields, limit }: Query,
): { sql: string; values: SQLInputValue[] } {
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
  const data = fields === undefined ? 'data' : `json_object(${fields.map(selectedField).join(', ')}) AS data`;
  const sql = `SELECT id, version, ${data} FROM ${table} WHERE ${conditions.join(' AND ')}
    ORDER BY ${ordered} ${orderBy.direction}, id ${orderBy.direction} LIMIT ?`;
  return { sql, values };
}

const selectedField = (field: string): string => `'${field}', data -> '$.${field}'`;

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
