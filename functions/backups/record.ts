/**
 * What is decided about projects, in the audit log. It is written here and not where it is asked for: `projects` parses what others
 * have written, and must not be able to write where keys and policies are; here nothing of a project is interpreted.
 */

import { recordDecision } from '../core/audit/audit.ts';
import type { Job, ProjectRecord } from '../core/backup-records.ts';
import { hashedId } from '../core/hashed-id.ts';
import { PreconditionFailed } from '../core/ports.ts';
import { PROJECTS, projectEntity } from '../core/projects.ts';
import type { Runtime } from '../core/runtime.ts';
import type { JsonObject } from '../core/task.ts';

/** `once` names the decision: it is recorded before the record says so, and a crash in between repeats it. */
export async function recordAbout(
  runtime: Runtime,
  { tenant, projectId, by }: Pick<Job, 'tenant' | 'projectId' | 'by'>,
  { event, detail, once }: { readonly event: string; readonly detail: JsonObject; readonly once: string },
): Promise<void> {
  const subject = { tenant, entity: projectEntity(projectId), actor: by };
  await recordDecision(runtime, subject, { event, detail, requestId: hashedId(projectId, once) });
}

/** Records what was decided about a project and is not in the log yet. */
export async function recordProject(runtime: Runtime, projectId: string): Promise<ProjectRecord | undefined> {
  for (;;) {
    const stored = await runtime.documents.get(PROJECTS, projectId);
    const project = stored?.data as unknown as ProjectRecord | undefined;
    if (stored === undefined || project?.unrecorded === undefined) return project;
    const { tenant, unrecorded } = project;
    for (const { id, event, by, detail } of unrecorded) {
      await recordAbout(runtime, { tenant, projectId, by }, { event, detail, once: id });
    }
    try {
      const { version } = stored;
      await runtime.documents.commit([{ kind: 'update', collection: PROJECTS, id: projectId, version, remove: ['unrecorded'] }]);
      return project;
    } catch (error) {
      // Something was added, or another one has recorded it.
      if (!(error instanceof PreconditionFailed)) throw error;
    }
  }
}
