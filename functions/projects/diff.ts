/** `GET /projects/{id}/diff`: what has to happen to a backup to make another one, or what the project is now. */

import * as z from 'zod';
import type { Caller } from '../core/authenticate.ts';
import { type Difference, diffBackups, diffWithNow } from '../core/backups/diff.ts';
import { readManifest } from '../core/backups/manifest.ts';
import { checked, invalidFields, paging } from '../core/http.ts';
import { openProject, ownProject } from '../core/projects.ts';
import type { Runtime } from '../core/runtime.ts';
import type { JsonObject } from '../core/task.ts';
import { ownBackup } from './project-backups.ts';

export const diffQuery = z.strictObject({ ...paging, from: z.string().max(100), to: z.string().max(100).default('now') });

/**
 * `{project_id, from, to, counts: {added, removed, changed}, entries: [{path, change, what?}], nextCursor?}`: a page of the entries,
 * in the order of their paths. The counts are of all. Every page compares anew. Throws `Problem` 404, 422, and what `difference` does.
 */
export async function getDiff(runtime: Runtime, caller: Caller, projectId: string, query: unknown): Promise<JsonObject> {
  const { from, to, limit, cursor } = checked(diffQuery, query);
  const found = await difference(runtime, caller, projectId, { from, to });
  const { added, removed, changed } = found;
  const entries = [
    ...added.map((path) => ({ path, change: 'added' })),
    ...removed.map((path) => ({ path, change: 'removed' })),
    ...changed.map(({ path, what }) => ({ path, change: 'changed', what })),
  ].sort((a, b) => (a.path < b.path ? -1 : 1));
  const after = cursor === undefined ? undefined : pathOf(cursor);
  const rest = after === undefined ? entries : entries.filter(({ path }) => path > after);
  const page = rest.slice(0, limit);
  const last = page.at(-1);
  return {
    project_id: projectId,
    from,
    to,
    counts: { added: added.length, removed: removed.length, changed: changed.length },
    entries: page,
    ...(last !== undefined && rest.length > limit ? { nextCursor: cursorOf(last.path) } : {}),
  };
}

/** From a backup of a tenant's project to another one, or to what it is now. Throws `Problem` 404, 409 `project_moved`, `project_changed`. */
export async function difference(
  runtime: Runtime,
  { tenant }: Caller,
  projectId: string,
  { from, to }: { readonly from: string; readonly to: string },
): Promise<Difference> {
  const { projectPath } = (await ownProject(runtime, tenant, projectId)).project;
  const manifestOf = async (backupId: string) => {
    await ownBackup(runtime, tenant, projectId, backupId);
    return readManifest(runtime, projectId, backupId);
  };
  const first = await manifestOf(from);
  if (to !== 'now') return diffBackups(first, await manifestOf(to));
  const tree = await openProject(runtime, { projectPath }, { mayBeGone: true });
  return diffWithNow(runtime, first, tree);
}

/** As JSON, in which halves of characters stay what they are. */
const cursorOf = (path: string): string => Buffer.from(JSON.stringify(path)).toString('base64url');

function pathOf(cursor: string): string {
  try {
    return z.string().parse(JSON.parse(Buffer.from(cursor, 'base64url').toString()));
  } catch {
    throw invalidFields([{ field: 'cursor', code: 'invalid', message: 'is not one that this list has given' }]);
  }
}
