/** What can be asked of projects, their backups, and the way back. */

import fc from 'fast-check';
import type { Endpoint } from './calls.ts';
import { described } from './described.ts';
import { projects as overrides } from './hints.ts';

export const PROJECT_ENDPOINTS: readonly Endpoint[] = [
  { ...described('POST', '/submit-project'), overrides, seldom: [202], weight: 3 },
  { ...described('GET', '/projects'), overrides, weight: 1 },
  { ...described('GET', '/projects/{}'), weight: 1 },
  {
    ...described('PUT', '/projects/{}/retention'),
    overrides,
    weight: 1,
  },
  {
    ...described('GET', '/projects/{}/backups'),
    overrides,
    weight: 2,
  },
  { ...described('POST', '/projects/{}/backups'), overrides, seldom: [202], weight: 2 },
  { ...described('GET', '/projects/{}/backups/{backup}'), weight: 2 },
  {
    ...described('POST', '/projects/{}/backups/{backup}/verify'),
    seldom: [202],
    weight: 3,
  },
  { ...described('GET', '/projects/{}/diff'), overrides, weight: 3 },
  {
    ...described('POST', '/rollback/{}'),
    overrides,
    seldom: [202],
    weight: 3,
  },
  { ...described('GET', '/rollbacks/{}'), weight: 2 },
  {
    ...described('GET', '/dependency-map'),
    // The drawings are no JSON; their own tests judge them.
    overrides: { ...overrides, format: fc.constant('json') },
    often: ['view'],
    weight: 2,
  },
];
