/**
 * Projects: what tasks modify, and what is backed up and rolled back. A record per tenant and canonical path, so that two ways to
 * one project are one project. Nobody but `backups` touches what is in them.
 */

import type { RetentionPolicy } from './backups/retention.ts';
import { Problem } from './errors.ts';
import { hashedId } from './hashed-id.ts';
import { invalidFields } from './http.ts';
import type { ProjectTree, Stored } from './ports.ts';
import type { Runtime } from './runtime.ts';
import type { JsonObject } from './task.ts';

/** The collections of projects, their backups, their rollbacks, and of which backup is which task's. */
export const PROJECTS = 'projects';
export const BACKUPS = 'backups';
export const ROLLBACKS = 'rollbacks';
export const TASK_BACKUPS = 'task-backups';

/** The document of a project. Times are milliseconds since the epoch. */
export interface Project {
  readonly tenant: string;
  readonly projectPath: string;
  readonly description: string;
  readonly createdAt: number;
  readonly updatedAt: number;
  readonly by: string;
  /** Which backups are kept; the settings' own rule where there is none. */
  readonly retention?: RetentionPolicy;
}

/** The id of a project, by its canonical path (of `trees.resolve`). */
export const projectIdOf = (tenant: string, canonicalPath: string): string => hashedId(tenant, 'project', canonicalPath);

/** What an audit entry about a project is about. */
export const projectEntity = (projectId: string): string => `project:${projectId}`;

/** Whether a text may be the id of a project; nothing else becomes part of a name in a store. */
const isProjectId = (text: string): boolean => /^[0-9a-f]{40}$/.test(text);

/** A tenant's project. Throws `Problem` 404 `project_not_found`, for another tenant's as for none. */
export async function ownProject(
  { documents }: Pick<Runtime, 'documents'>,
  tenant: string,
  projectId: string,
): Promise<Stored & { readonly project: Project }> {
  const stored = isProjectId(projectId) ? await documents.get(PROJECTS, projectId) : undefined;
  const project = stored?.data as Project | undefined;
  if (stored === undefined || project?.tenant !== tenant) {
    throw new Problem(404, 'project_not_found', `Project ${projectId.slice(0, 100)} not found.`);
  }
  return { ...stored, project };
}

/**
 * A project's tree, where its path still leads to what was submitted. Throws `Problem` 409 `project_moved`, and what `trees.open`
 * throws.
 */
export async function openProject(
  { trees }: Pick<Runtime, 'trees'>,
  { projectPath }: Pick<Project, 'projectPath'>,
  options?: { readonly mayBeGone?: boolean },
): Promise<ProjectTree> {
  const tree = await trees.open(projectPath, options);
  if (tree.projectPath === projectPath) return tree;
  throw new Problem(409, 'project_moved', 'project_path leads to another place than when it was submitted. Submit it again.');
}

/** What a task says of the project it is about. */
export interface ProjectTask {
  readonly modifies?: boolean | undefined;
  readonly projectId?: string | undefined;
  readonly payload: JsonObject;
  readonly work?: { readonly task_type?: string | undefined } | undefined;
}

/** Whether a task may change a project: then nothing is done before there is a verified way back. */
export const isModification = ({ modifies, work }: Pick<ProjectTask, 'modifies' | 'work'>): boolean =>
  modifies === true || work?.task_type === 'modification';

/**
 * The project that a modification is about; `undefined` for any other task. It is named by `projectId`, of a registered project, or
 * by `payload.project_path`; where both are given they are to be the same, since the agent may go by either. Throws `Problem` 422
 * `project_path_missing`, `project_not_found`, `project_mismatch`, and what `trees.resolve` throws.
 */
export async function projectOfTask(
  runtime: Pick<Runtime, 'documents' | 'trees'>,
  tenant: string,
  task: ProjectTask,
): Promise<{ readonly projectId: string; readonly projectPath: string } | undefined> {
  if (!isModification(task)) return undefined;
  const { project_path: path } = task.payload;
  const { projectId } = task;
  if (path !== undefined && typeof path !== 'string') {
    throw invalidFields([{ field: 'payload.project_path', code: 'invalid_type', message: 'is no text' }]);
  }
  const canonical = path === undefined ? undefined : await runtime.trees.resolve(path);
  if (projectId === undefined) {
    if (canonical === undefined) throw missing();
    return { projectId: projectIdOf(tenant, canonical), projectPath: canonical };
  }
  const { projectPath } = (await registered(runtime, tenant, projectId)).project;
  if (canonical !== undefined && canonical !== projectPath) {
    throw refused('payload.project_path', 'project_mismatch', `is not the path of project ${projectId}`);
  }
  return { projectId, projectPath };
}

async function registered(runtime: Pick<Runtime, 'documents'>, tenant: string, projectId: string) {
  return ownProject(runtime, tenant, projectId).catch((error: unknown) => {
    if ((error as { code?: string }).code !== 'project_not_found') throw error;
    throw refused('projectId', 'project_not_found', 'is no project that was submitted');
  });
}

const missing = () =>
  refused('payload.project_path', 'project_path_missing', 'is missing: a modification needs project_path, or projectId');

const refused = (field: string, code: string, message: string) =>
  new Problem(422, code, `${field} ${message}.`, { fields: [{ field, code, message }] });
