/** `GET /audit`: who decided what, newest first. What happened to a task is in its timeline, and shown in the same shape. */

import * as z from 'zod';
import { AUDIT, auditEntry } from '../core/audit/audit.ts';
import { type Numbered, wholeTimeline } from '../core/audit/timelines.ts';
import type { Caller } from '../core/authenticate.ts';
import { Problem } from '../core/errors.ts';
import { findTask } from '../core/find-task.ts';
import { checked, invalidFields, paging } from '../core/http.ts';
import { decodedCursor, encodedPlace } from '../core/list-tasks.ts';
import type { Query, Stored } from '../core/ports.ts';
import type { Runtime } from '../core/runtime.ts';
import type { JsonObject } from '../core/task.ts';

const PAGE = 200;
const OF_A_TASK = 'task:';

const time = z
  .union([z.iso.datetime({ offset: true }), z.iso.date()], { error: 'is no time in ISO 8601, like 2026-11-21T08:00:00Z' })
  .transform((text) => Date.parse(text));

const filters = {
  entity: z.string().min(1).max(300).optional(),
  /** An id or an alias: the same as the entity `task:<id>`. */
  taskId: z.string().min(1).max(200).optional(),
  actor: z.string().min(1).max(300).optional(),
  event: z.string().min(1).max(100).optional(),
  /** Inclusive, both. */
  from: time.optional(),
  to: time.optional(),
};

/** The query of `GET /audit`. */
export const auditQuery = z.strictObject({ ...paging, ...filters });

/** The query of `GET /audit/export`. */
export const exportQuery = z.strictObject({ cursor: paging.cursor, ...filters });

/** What is asked for, whatever the page. */
export type Wanted = Omit<z.output<typeof exportQuery>, 'cursor'>;

/** An entry as it is shown, and the place behind it. */
export interface Shown {
  readonly entry: JsonObject;
  readonly place: Required<Query>['after'];
}

/** A page of the tenant's entries: `{entries, nextCursor?}`. Throws `Problem` 422, 404 `task_not_found`. */
export async function getAudit(runtime: Runtime, caller: Caller, query: unknown): Promise<JsonObject> {
  const { limit, cursor, ...wanted } = checked(auditQuery, query);
  const entries: JsonObject[] = [];
  let last: Shown | undefined;
  if (limit === 0) return { entries };
  for await (const shown of entriesOf(runtime, caller, wanted, cursor, limit + 1)) {
    if (entries.length === limit && last !== undefined) return { entries, nextCursor: encodedPlace(last.place) };
    entries.push(shown.entry);
    last = shown;
  }
  return { entries };
}

/** The entries behind a cursor, newest first, read `page` at a time. Throws `Problem` 422, 404 `task_not_found`. */
export async function* entriesOf(
  runtime: Runtime,
  { tenant }: Caller,
  { taskId, entity, ...wanted }: Wanted,
  cursor: string | undefined,
  page = PAGE,
): AsyncGenerator<Shown> {
  const after = cursor === undefined ? undefined : decodedCursor(cursor);
  const named = entity?.startsWith(OF_A_TASK) ? entity.slice(OF_A_TASK.length) : undefined;
  if (taskId !== undefined && entity !== undefined && taskId !== named)
    throw invalidFields([{ field: 'taskId', code: 'invalid', message: 'is another entity than that of the field entity' }]);
  const task = taskId ?? named;
  yield* task === undefined
    ? decisions(runtime, tenant, { entity, ...wanted }, after, page)
    : decisionsOnTask(runtime, tenant, task, wanted, after);
}

async function* decisions(
  { control }: Runtime,
  tenant: string,
  { entity, actor, event, from = 0, to }: Wanted,
  start: Query['after'],
  limit: number,
): AsyncGenerator<Shown> {
  const named = Object.entries({ tenant, entity, actor, event }).filter(([, value]) => value !== undefined);
  const equal = Object.fromEntries(named) as Record<string, string>;
  const orderBy = { field: 'at', direction: 'desc' } as const;
  let after = start;
  for (;;) {
    const bounds = { ...(to === undefined ? {} : { atMost: to }), ...(after === undefined ? {} : { after }) };
    const { documents } = await control.query(AUDIT, { equal, orderBy, ...bounds, limit });
    for (const document of documents) {
      after = { value: document.data.at as number, id: document.id };
      if (after.value < from) return;
      yield { entry: decisionView(document), place: after };
    }
    if (documents.length < limit) return;
  }
}

function decisionView({ id, data }: Stored): JsonObject {
  const { at, tenant: _, hash, ...entry } = auditEntry(data);
  return { at: new Date(at).toISOString(), ...entry, number: Number(id.slice(id.lastIndexOf('-') + 1)), hash };
}

/** Its timeline, and what people decided about it, which outlasts it. Of a few hundred entries at most, so all at once. */
async function* decisionsOnTask(
  runtime: Runtime,
  tenant: string,
  name: string,
  { actor, event, from = 0, to = Number.MAX_SAFE_INTEGER }: Wanted,
  after: Query['after'],
): AsyncGenerator<Shown> {
  const known = await findTask(runtime, tenant, name);
  const entity = `${OF_A_TASK}${known?.id ?? name}`;
  const shown: Shown[] = [];
  for await (const { entry, place } of decisions(runtime, tenant, { entity }, undefined, PAGE))
    shown.push({ entry, place: { ...place, id: placeName('decision', entry.number as number) } });
  if (known === undefined && shown.length === 0)
    throw new Problem(404, 'task_not_found', `There is no task ${name.slice(0, 100)}.`);
  for (const entry of known === undefined ? [] : await wholeTimeline(runtime, known.id, known.task)) {
    shown.push({ entry: timelineView(entity, entry), place: { value: entry.at, id: placeName('step', entry.number) } });
  }
  for (const { entry, place } of shown.sort((a, b) => (isBehind(a.place, b.place) ? 1 : -1))) {
    const isWanted = (actor ?? entry.actor) === entry.actor && (event ?? entry.event) === entry.event;
    const isInTime = place.value >= from && place.value <= to;
    if (isWanted && isInTime && (after === undefined || isBehind(place, after))) yield { entry, place };
  }
}

/** Sorts as its number does. */
const placeName = (kind: 'decision' | 'step', number: number): string => `${kind}-${String(number).padStart(9, '0')}`;

/** Whether a place comes later in a list that begins with the newest. */
const isBehind = (a: Shown['place'], b: Shown['place']): boolean => a.value < b.value || (a.value === b.value && a.id < b.id);

function timelineView(entity: string, { at, event, by, number, hash, ...detail }: Numbered): JsonObject {
  return {
    at: new Date(at).toISOString(),
    event,
    entity,
    ...(by === undefined ? {} : { actor: by }),
    ...(Object.keys(detail).length === 0 ? {} : { detail }),
    number,
    hash,
  };
}
