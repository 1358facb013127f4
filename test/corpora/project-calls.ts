/** What can be asked of projects, their backups, and the way back. */

import fc from 'fast-check';
import { diffQuery } from '../../functions/projects/diff.ts';
import { dependencyMapQuery } from '../../functions/projects/get-dependency-map.ts';
import { backupBody, backupsQuery } from '../../functions/projects/project-backups.ts';
import { projectsQuery, retentionBody } from '../../functions/projects/read-projects.ts';
import { rollbackQuery } from '../../functions/projects/rollback.ts';
import { submitProjectBody } from '../../functions/projects/submit-project.ts';
import * as replies from '../../scripts/openapi/replies/projects.ts';
import type { Endpoint } from './calls.ts';
import { projects as overrides } from './hints.ts';

const taken = { answers: { 200: replies.backupTakenSchema }, seldom: { 202: replies.backupRunningSchema } };

export const PROJECT_ENDPOINTS: readonly Endpoint[] = [
  { method: 'POST', path: '/submit-project', body: submitProjectBody, overrides, ...taken, weight: 3 },
  { method: 'GET', path: '/projects', query: projectsQuery, overrides, answers: { 200: replies.projectsSchema }, weight: 1 },
  { method: 'GET', path: '/projects/{}', answers: { 200: replies.projectSchema }, weight: 1 },
  {
    method: 'PUT',
    path: '/projects/{}/retention',
    body: retentionBody,
    overrides,
    answers: { 200: replies.projectSchema },
    weight: 1,
  },
  {
    method: 'GET',
    path: '/projects/{}/backups',
    query: backupsQuery,
    overrides,
    answers: { 200: replies.backupsSchema },
    weight: 2,
  },
  { method: 'POST', path: '/projects/{}/backups', body: backupBody, overrides, ...taken, weight: 2 },
  { method: 'GET', path: '/projects/{}/backups/{backup}', answers: { 200: replies.backupSchema }, weight: 2 },
  {
    method: 'POST',
    path: '/projects/{}/backups/{backup}/verify',
    answers: { 200: replies.verifiedSchema },
    seldom: { 202: replies.verifyingSchema },
    weight: 3,
  },
  { method: 'GET', path: '/projects/{}/diff', query: diffQuery, overrides, answers: { 200: replies.diffSchema }, weight: 3 },
  {
    method: 'POST',
    path: '/rollback/{}',
    query: rollbackQuery,
    overrides,
    answers: { 200: replies.rolledBackSchema },
    seldom: { 202: replies.rollbackRunningSchema },
    weight: 3,
  },
  { method: 'GET', path: '/rollbacks/{}', answers: { 200: replies.rollbackSchema }, weight: 2 },
  {
    method: 'GET',
    path: '/dependency-map',
    query: dependencyMapQuery,
    // The drawings are no JSON; their own tests judge them.
    overrides: { ...overrides, format: fc.constant('json') },
    often: ['view'],
    answers: { 200: replies.dependencyMapSchema },
    weight: 2,
  },
];
