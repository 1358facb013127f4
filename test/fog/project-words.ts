/** Projects in the words of the API: submitted, listed, backed up, modified. */

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { until } from '../support/folder.ts';
import type { Fog } from './kit.ts';

export interface Backup {
  readonly backup_id: string;
  readonly status: string;
  readonly timestamp: string;
  readonly project_path: string;
  readonly description: string;
  readonly [field: string]: unknown;
}
export interface Project {
  readonly project_id: string;
  readonly project_path: string;
  readonly description: string;
  readonly [field: string]: unknown;
}

/** `POST /submit-project`; gives the id of the first backup. */
export async function submitProject(fog: Fog, project_path: string, part: object = {}): Promise<string> {
  const { status, body } = await fog.stack.post<{ status: string; backup_id: string }>('/submit-project', {
    project_path,
    ...part,
  });
  assert.deepEqual([status, body.status], [200, 'success'], JSON.stringify(body));
  return body.backup_id;
}

export async function projectOf(fog: Fog, project_path: string): Promise<Project | undefined> {
  const { body } = await fog.stack.get<{ projects: Project[] }>('/projects?limit=200');
  return body.projects.find((project) => project.project_path === project_path);
}

export async function backupsOf(fog: Fog, project_path: string): Promise<Backup[]> {
  const project = await projectOf(fog, project_path);
  const { status, body } = await fog.stack.get<{ backups: Backup[] }>(`/projects/${project?.project_id}/backups`);
  assert.equal(status, 200, JSON.stringify(body));
  return body.backups;
}

export async function verified(fog: Fog, project_path: string, backup_id: string): Promise<Backup> {
  let found: Backup | undefined;
  await until(async () => {
    found = (await backupsOf(fog, project_path)).find((backup) => backup.backup_id === backup_id);
    return found?.status === 'verified';
  });
  return found as Backup;
}

/** A task that writes files into its project. */
export const modifying = (fog: Fog, project_path: string, write: Readonly<Record<string, string>>, part: object = {}) =>
  fog.submit({ task_type: 'modification', payload: { project_path, write }, ...part });

export const text = (path: string, name: string): string => readFileSync(join(path, name), 'utf8');

/** The names of the stored objects that begin so. */
export async function names(fog: Fog, prefix: string): Promise<string[]> {
  const { objects, next } = await fog.stack.objects.list('backups', prefix);
  assert.equal(next, undefined, 'more than a page');
  return objects.map(({ name }) => name);
}
