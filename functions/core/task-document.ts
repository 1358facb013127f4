/**
 * How a task lies in the store: what is queried, and what only the store can set, as fields of their own; the rest of what a
 * decision needs as one field, `state`; the bulk beside them. Firestore bills and indexes by field, and every writer knows the
 * whole state, so there is nothing to win from splitting it.
 */

import type { Fields } from './ports.ts';
import { BULK, type Task } from './task.ts';

const OWN_FIELDS: ReadonlySet<string> = new Set([
  ...['tenant', 'agent', 'status', 'traceId', 'parentTaskId', 'shard', 'createdAt', 'wakeAt', 'expireAt', 'leasedAt', 'sealAt'],
  ...BULK,
]);

/** Whether a field of a task is a field of its document. */
export const hasOwnField = (field: string): boolean => OWN_FIELDS.has(field);

/** The document of a task, or of a part of one. */
export function toDocument(task: Readonly<Record<string, unknown>>): Fields {
  const document: Fields = {};
  const state: Fields = {};
  for (const [field, value] of Object.entries(task)) (OWN_FIELDS.has(field) ? document : state)[field] = value;
  return { ...document, state };
}

/** The task that a document holds. */
export function fromDocument({ state, ...document }: Fields): Task {
  return { ...(state as Fields), ...document } as unknown as Task;
}
