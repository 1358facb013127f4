import type { SQLInputValue, StatementSync } from 'node:sqlite';
import type { Database } from './sqlite-database.ts';

/** A document as it lies in its table: the JSON text, and the values of the columns beside it. */
export interface Row {
  readonly version: number;
  readonly data: string;
}

/** The rows of one collection by id. Everything here runs inside the caller's `read` or `write` of the database. */
export interface Rows {
  find(id: string): Row | undefined;
  /** False when there is one already. `columns` in the order of the table's fields. */
  add(id: string, row: Row, columns: readonly SQLInputValue[]): boolean;
  /** Changes a row that is there. `before` are its columns as they were. */
  change(id: string, row: Row, columns: readonly SQLInputValue[], before: readonly SQLInputValue[]): void;
  remove(id: string): void;
}

/**
 * Where the database lets everybody go on at once, a row is written just before the commit, once, however often it changed in the
 * meantime. Whoever looks at the table otherwise has to run what is put off.
 */
export function openRows(database: Database, table: string, columnNames: readonly string[]): Rows {
  const select = database.prepare(`SELECT version, data FROM ${table} WHERE id = ?`);
  const insert = database.prepare(
    `INSERT INTO ${table} (id, version, data${columnNames.map((name) => `, ${name}`).join('')})
     VALUES (?, ?, ?${', ?'.repeat(columnNames.length)}) ON CONFLICT DO NOTHING`,
  );
  const remove = database.prepare(`DELETE FROM ${table} WHERE id = ?`);
  const updates = new Map<string, StatementSync>();
  const isPutOff = database.settles === 'at once';
  const held = new Map<string, Held>();

  /** Only columns that changed: SQLite rewrites the indexes of every column that a statement names. */
  const update = (
    id: string,
    { version, data }: Row,
    columns: readonly SQLInputValue[],
    before: readonly SQLInputValue[],
  ): void => {
    const values: SQLInputValue[] = [version, data];
    let sql = `UPDATE ${table} SET version = ?, data = ?`;
    for (const [index, value] of columns.entries()) {
      if (value === before[index]) continue;
      sql += `, ${columnNames[index]} = ?`;
      values.push(value);
    }
    let statement = updates.get(sql);
    if (statement === undefined) {
      statement = database.prepare(`${sql} WHERE id = ?`);
      updates.set(sql, statement);
    }
    statement.run(...values, id);
  };

  const hold = (id: string, first: Held): void => {
    held.set(id, first);
    database.defer(() => {
      held.delete(id);
      const { row, columns, before } = first;
      if (before === undefined) insert.run(id, row.version, row.data, ...columns);
      else update(id, row, columns, before);
    });
  };

  return {
    find: (id) => held.get(id)?.row ?? (select.get(id) as Row | undefined),

    add(id, row, columns) {
      if (!isPutOff) return insert.run(id, row.version, row.data, ...columns).changes > 0;
      if (held.has(id) || select.get(id) !== undefined) return false;
      hold(id, { row, columns, before: undefined });
      return true;
    },

    change(id, row, columns, before) {
      const waiting = held.get(id);
      if (waiting !== undefined) Object.assign(waiting, { row, columns });
      else if (isPutOff) hold(id, { row, columns, before });
      else update(id, row, columns, before);
    },

    remove(id) {
      database.runDeferred();
      remove.run(id);
    },
  };
}

interface Held {
  readonly row: Row;
  readonly columns: readonly SQLInputValue[];
  /** As they are in the table; none where the row is not there yet. */
  readonly before: readonly SQLInputValue[] | undefined;
}
