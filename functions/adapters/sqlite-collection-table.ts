import type { CollectionRow, IndexField } from '../topology.ts';
import type { Database } from './sqlite-database.ts';

/**
 * Makes the collection's table, or brings one that was made from other rows of the topology up to date: the document as JSON
 * text, and beside it a column for each field that an index names. Returns those fields.
 */
export function defineTable(database: Database, name: string, row: CollectionRow): string[] {
  const fields = [...new Set([...row.indexes.flat().map(({ field }) => field), ...(row.ttlField ? [row.ttlField] : [])])];
  const table = tableName(name);
  database.define(`CREATE TABLE IF NOT EXISTS ${table} (id TEXT NOT NULL UNIQUE, version INTEGER NOT NULL, data TEXT NOT NULL)`);
  const present = new Set(
    database
      .prepare(`SELECT name FROM pragma_table_info('documents_${name}')`)
      .all()
      .map((found) => found.name),
  );
  for (const field of fields) {
    if (present.has(`f_${field}`)) continue;
    database.define(`ALTER TABLE ${table} ADD COLUMN ${column(field)}`);
    database.define(
      `UPDATE ${table} SET ${column(field)} = data ->> '$.${field}' WHERE json_type(data, '$.${field}') NOT IN ('object', 'array')`,
    );
  }
  const ttl: IndexField[][] = row.ttlField ? [[{ field: row.ttlField, order: 'asc' }]] : [];
  const wanted = new Map([...needed(row.indexes), ...ttl].map((index) => [indexName(name, index), index]));
  const existing = database.prepare("SELECT name FROM sqlite_schema WHERE type = 'index' AND sql IS NOT NULL AND tbl_name = ?");
  for (const found of existing.all(`documents_${name}`)) {
    if (!wanted.has(found.name as string)) database.define(`DROP INDEX ${quote(found.name as string)}`);
  }
  for (const [index, columns] of wanted) {
    const parts = columns.map(({ field, order }) => `${column(field)} ${order}`);
    // Partial, so that a document without one of the fields costs the index nothing.
    const all = columns.map(({ field }) => `${column(field)} IS NOT NULL`);
    database.define(`CREATE INDEX IF NOT EXISTS ${quote(index)} ON ${table} (${parts.join(', ')}) WHERE ${all.join(' AND ')}`);
  }
  return fields;
}

/**
 * Without the indexes whose fields smaller ones cover between them: SQLite can filter what one of those finds, which Firestore
 * cannot, and each index that the tasks' lists have costs every task several writes.
 */
function needed(indexes: CollectionRow['indexes']): CollectionRow['indexes'] {
  const fieldsOf = (index: readonly IndexField[]) => new Set(index.slice(0, -1).map(({ field }) => field));
  return indexes.filter((index) => {
    const own = fieldsOf(index);
    const smaller = indexes.filter(
      (other) =>
        other.at(-1)?.field === index.at(-1)?.field &&
        fieldsOf(other).size < own.size &&
        [...fieldsOf(other)].every((field) => own.has(field)),
    );
    const covered = new Set(smaller.flatMap((other) => [...fieldsOf(other)]));
    return own.size === 0 || [...own].some((field) => !covered.has(field));
  });
}

const indexName = (collection: string, index: readonly IndexField[]): string =>
  `index_${collection}_${index.map(({ field, order }) => `${field}_${order}`).join('_')}`;

export const tableName = (collection: string): string => quote(`documents_${collection}`);
export const column = (field: string): string => quote(`f_${field}`);
const quote = (name: string): string => `"${name}"`;
