import { diffQuery } from '../../../functions/projects/diff.ts';
import { dependencyMapQuery } from '../../../functions/projects/get-dependency-map.ts';
import { backupBody, backupsQuery } from '../../../functions/projects/project-backups.ts';
import { projectsQuery, retentionBody } from '../../../functions/projects/read-projects.ts';
import { rollbackQuery } from '../../../functions/projects/rollback.ts';
import { submitProjectBody } from '../../../functions/projects/submit-project.ts';
import { json, type Operation } from '../operation.ts';
import * as replies from '../replies/projects.ts';

const tag = 'projects';
const noProject = { 404: ['project_not_found'] };
const noBackup = { 404: ['project_not_found', 'backup_not_found'] };
const taken = {
  200: json('The backup is taken and verified.', replies.backupTakenSchema),
  202: json('The backup is being taken.', replies.backupRunningSchema),
};
const failed = { 403: ['outside_roots'], 404: ['project_not_found'], 409: ['file_changing', 'project_changed', 'project_moved'] };

/** What may be modified, and the way back. */
export const PROJECTS: readonly Operation[] = [
  {
    method: 'POST',
    path: '/submit-project',
    id: 'submitProject',
    tag,
    summary: 'Submits a project by its path, and takes a backup of it.',
    needs: 'dispatch',
    body: submitProjectBody,
    example: { project_path: '/work/shop', description: 'The shop' },
    replies: taken,
    problems: { ...failed, 422: ['project_path_invalid'], 503: ['contention'] },
  },
  {
    method: 'GET',
    path: '/projects',
    id: 'listProjects',
    tag,
    summary: 'Lists the projects of the caller’s tenant, newest first.',
    needs: 'read',
    query: projectsQuery,
    replies: { 200: json('A page of projects.', replies.projectsSchema) },
  },
  {
    method: 'GET',
    path: '/projects/{id}',
    id: 'getProject',
    tag,
    summary: 'Shows a project with its newest backup and its newest rollback.',
    needs: 'read',
    replies: { 200: json('The project.', replies.projectSchema) },
    problems: noProject,
  },
  {
    method: 'PUT',
    path: '/projects/{id}/retention',
    id: 'setRetention',
    tag,
    summary: 'Sets which backups of a project are kept.',
    needs: 'admin',
    body: retentionBody,
    example: { last: 30, daily: 14, weekly: 8 },
    replies: { 200: json('The project as it is now.', replies.projectSchema) },
    problems: noProject,
  },
  {
    method: 'GET',
    path: '/projects/{id}/diff',
    id: 'getDiff',
    tag,
    summary: 'Lists what differs between a backup of a project and another one, or what it is now.',
    needs: 'read',
    query: diffQuery,
    replies: { 200: json('A page of differences.', replies.diffSchema) },
    problems: { ...failed, ...noBackup },
  },
  {
    method: 'GET',
    path: '/projects/{id}/backups',
    id: 'listBackups',
    tag,
    summary: 'Lists the backups of a project, newest first.',
    needs: 'read',
    query: backupsQuery,
    replies: { 200: json('A page of backups.', replies.backupsSchema) },
    problems: noProject,
  },
  {
    method: 'POST',
    path: '/projects/{id}/backups',
    id: 'takeBackup',
    tag,
    summary: 'Takes a backup of a project.',
    needs: 'dispatch',
    body: backupBody,
    mayLackBody: true,
    example: { description: 'Before the move' },
    replies: taken,
    problems: { ...noProject, ...failed },
  },
  {
    method: 'GET',
    path: '/projects/{id}/backups/{backup}',
    id: 'getBackup',
    tag,
    summary: 'Shows a backup.',
    needs: 'read',
    replies: { 200: json('The backup.', replies.backupSchema) },
    problems: noBackup,
  },
  {
    method: 'POST',
    path: '/projects/{id}/backups/{backup}/verify',
    id: 'verifyBackup',
    tag,
    summary: 'Reads every stored byte of a backup, and tells what is corrupt.',
    needs: 'dispatch',
    replies: {
      200: json('What was found.', replies.verifiedSchema),
      202: json('The backup is being read.', replies.verifyingSchema),
    },
    problems: { ...noBackup, 409: ['backup_running', 'backup_not_verified'] },
  },
  {
    method: 'POST',
    path: '/rollback/{backup}',
    id: 'rollBack',
    tag,
    summary: 'Rolls a project back to a backup, or to the `latest`, after a backup of what is there.',
    needs: 'dispatch',
    query: rollbackQuery,
    replies: {
      200: json('The project is as it was.', replies.rolledBackSchema),
      202: json('The rollback goes on.', replies.rollbackRunningSchema),
    },
    problems: {
      ...failed,
      400: ['backup_not_found'],
      409: [...failed[409], 'project_busy', 'project_recreated', 'backup_running'],
      422: ['project_ambiguous', 'project_path_invalid', 'project_unwritable'],
    },
  },
  {
    method: 'GET',
    path: '/rollbacks/{id}',
    id: 'getRollback',
    tag,
    summary: 'Shows how a rollback stands, or ended.',
    needs: 'read',
    replies: { 200: json('The rollback.', replies.rollbackSchema) },
    problems: { 404: ['rollback_not_found'] },
  },
  {
    method: 'GET',
    path: '/dependency-map',
    id: 'getDependencyMap',
    tag,
    summary: 'Maps which modules of a project import which, or what a change since a backup touches.',
    needs: 'read',
    query: dependencyMapQuery,
    replies: {
      200: {
        says: 'The map, in the format that was asked for.',
        schema: replies.dependencyMapSchema,
        types: ['application/json', 'text/vnd.graphviz', 'text/plain', 'image/svg+xml'],
      },
    },
    problems: {
      ...failed,
      ...noBackup,
      413: ['project_too_large'],
      422: ['project_path_missing', 'project_path_invalid', 'map_too_large_to_draw'],
      503: ['dependency_map_unfinished', 'parser_failed'],
    },
  },
];
