/** `audit export`: every entry there is, of all tenants, as JSON lines. */

import { auditEntry } from '../../functions/core/audit/audit.ts';
import { wholeTimeline } from '../../functions/core/audit/timelines.ts';
import { Problem } from '../../functions/core/errors.ts';
import type { Documents } from '../../functions/core/ports.ts';
import { fromDocument } from '../../functions/core/task-document.ts';
import { entries, type Listed, type ListPlace, tasks } from './listing.ts';

/**
 * Decisions first, then what happened to each task; each line has the `cursor` that goes on behind it (of a task: behind all of
 * it). Throws `Problem` `invalid_flags` for a cursor that is none.
 */
export async function* exportLines(
  { documents, control }: { readonly documents: Documents; readonly control: Documents },
  cursor?: string,
): AsyncGenerator<string> {
  const from = cursor === undefined ? undefined : decoded(cursor);
  if (from === undefined || from.list === 'entries') {
    for await (const { document, place } of entries(control, from)) {
      const { at, hash, ...entry } = auditEntry(document.data);
      const number = Number(document.id.slice(document.id.lastIndexOf('-') + 1));
      yield JSON.stringify({ at: new Date(at).toISOString(), ...entry, number, hash, cursor: encoded(place) });
    }
  }
  for await (const found of tasks(documents, from?.list === 'entries' ? undefined : from)) yield* taskLines(documents, found);
}

async function* taskLines(documents: Documents, { document, place }: Listed): AsyncGenerator<string> {
  const task = fromDocument(document.data);
  const { tenant } = task;
  const timeline = await wholeTimeline({ documents }, document.id, task);
  for (const [index, { at, event, by, number, hash, ...detail }] of timeline.entries()) {
    yield JSON.stringify({
      at: new Date(at).toISOString(),
      event,
      tenant,
      entity: `task:${document.id}`,
      ...(by === undefined ? {} : { actor: by }),
      ...(Object.keys(detail).length === 0 ? {} : { detail }),
      number,
      hash,
      ...(index === timeline.length - 1 ? { cursor: encoded(place) } : {}),
    });
  }
}

const encoded = (place: ListPlace): string => Buffer.from(JSON.stringify(place)).toString('base64url');

function decoded(cursor: string): ListPlace {
  try {
    const place = JSON.parse(Buffer.from(cursor, 'base64url').toString()) as ListPlace;
    if (['entries', 'ended', 'open'].includes(place.list) && Number.isInteger(place.shard)) return place;
  } catch {
    // Said below.
  }
  throw new Problem(422, 'invalid_flags', '--after is not a cursor that an export has given.');
}
