/** What can be asked about what is held up, asked for, and recorded. */

import fc from 'fast-check';
import type { Endpoint } from './calls.ts';
import { described } from './described.ts';
import * as hints from './hints.ts';

const limit = fc.constantFrom(0, 1, 3, 200);

export const CONTROL_ENDPOINTS: readonly Endpoint[] = [
  { ...described('POST', '/agents/{}/pause'), weight: 1 },
  { ...described('POST', '/agents/{}/resume'), weight: 2 },
  { ...described('POST', '/pause'), overrides: hints.held, often: ['agent'], weight: 1 },
  { ...described('POST', '/resume'), overrides: hints.held, often: ['agent'], weight: 5 },
  { ...described('POST', '/emergency-stop'), weight: 1 },
  { ...described('DELETE', '/emergency-stop'), weight: 3 },
  { ...described('GET', '/switches'), weight: 1 },
  { ...described('GET', '/policies/approvals'), weight: 1 },
  {
    ...described('PUT', '/policies/approvals'),
    overrides: hints.policy,
    often: ['taskTypes'],
    weight: 4,
  },
  {
    ...described('GET', '/approvals'),
    overrides: { limit },
    weight: 6,
  },
  {
    ...described('POST', '/approvals/{}'),
    approves: true,
    weight: 8,
  },
  {
    ...described('GET', '/system-state'),
    overrides: { limit, agent: hints.agentNames, project: hints.projects.project as never },
    weight: 2,
  },
  { ...described('GET', '/audit'), overrides: hints.audit, weight: 3 },
  { ...described('GET', '/audit/export'), overrides: hints.audit, weight: 2 },
];
