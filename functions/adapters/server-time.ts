import type { CollectionRow } from '../topology.ts';

/** Firestore keeps its own times as timestamps, which no query of ours could compare with a number: an indexed field has none. */
export function refuseServerTime(field: string, row: CollectionRow): void {
  const indexed = row.indexes.some((index) => index.some((part) => part.field === field));
  if (indexed) throw new TypeError(`SERVER_TIME cannot stand in "${field}", which is indexed.`);
}
