/** What can be asked about what is held up, asked for, and recorded. */

import fc from 'fast-check';
import { approvalPolicyBody } from '../../functions/control/approval-policy.ts';
import { decisionBody } from '../../functions/control/decide-approval.ts';
import { approvalsQuery } from '../../functions/control/list-approvals.ts';
import { pauseBody } from '../../functions/control/pauses.ts';
import { auditQuery, exportQuery } from '../../functions/control/read-audit.ts';
import { systemStateQuery } from '../../functions/control/system-state.ts';
import * as replies from '../../scripts/openapi/replies/control.ts';
import type { Endpoint } from './calls.ts';
import * as hints from './hints.ts';

const held = replies.switchesSchema;
const limit = fc.constantFrom(0, 1, 3, 200);

export const CONTROL_ENDPOINTS: readonly Endpoint[] = [
  { method: 'POST', path: '/agents/{}/pause', answers: { 200: held }, weight: 1 },
  { method: 'POST', path: '/agents/{}/resume', answers: { 200: held }, weight: 2 },
  { method: 'POST', path: '/pause', body: pauseBody, overrides: hints.held, often: ['agent'], answers: { 200: held }, weight: 1 },
  { method: 'POST', path: '/resume', body: pauseBody, overrides: hints.held, often: ['agent'], answers: { 200: held }, weight: 5 },
  { method: 'POST', path: '/emergency-stop', answers: { 200: held }, weight: 1 },
  { method: 'DELETE', path: '/emergency-stop', answers: { 200: held }, weight: 3 },
  { method: 'GET', path: '/switches', answers: { 200: held }, weight: 1 },
  { method: 'GET', path: '/policies/approvals', answers: { 200: replies.approvalPolicySchema }, weight: 1 },
  {
    method: 'PUT',
    path: '/policies/approvals',
    body: approvalPolicyBody,
    overrides: hints.policy,
    often: ['taskTypes'],
    answers: { 200: replies.approvalPolicySchema },
    weight: 4,
  },
  {
    method: 'GET',
    path: '/approvals',
    query: approvalsQuery,
    overrides: { limit },
    answers: { 200: replies.approvalsSchema },
    weight: 6,
  },
  {
    method: 'POST',
    path: '/approvals/{}',
    body: decisionBody,
    approves: true,
    answers: { 200: replies.decidedSchema },
    weight: 8,
  },
  {
    method: 'GET',
    path: '/system-state',
    query: systemStateQuery,
    overrides: { limit, agent: hints.agentNames, project: hints.projects.project as never },
    answers: { 200: replies.systemStateSchema },
    weight: 2,
  },
  { method: 'GET', path: '/audit', query: auditQuery, overrides: hints.audit, answers: { 200: replies.auditSchema }, weight: 3 },
  { method: 'GET', path: '/audit/export', query: exportQuery, overrides: hints.audit, answers: { 200: 'lines' }, weight: 2 },
];
