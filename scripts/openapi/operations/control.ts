import { approvalPolicyBody } from '../../../functions/control/approval-policy.ts';
import { decisionBody } from '../../../functions/control/decide-approval.ts';
import { approvalsQuery } from '../../../functions/control/list-approvals.ts';
import { pauseBody } from '../../../functions/control/pauses.ts';
import { auditQuery, exportQuery } from '../../../functions/control/read-audit.ts';
import { systemStateQuery } from '../../../functions/control/system-state.ts';
import { json, type Operation } from '../operation.ts';
import * as replies from '../replies/control.ts';

const tag = 'human control';
const held = { 200: json('What is stopped, paused and off.', replies.switchesSchema) };
const policy = replies.approvalPolicySchema;

/** What people hold up, let go on, and look back at. */
export const CONTROL: readonly Operation[] = [
  {
    method: 'POST',
    path: '/pause',
    id: 'pause',
    tag,
    summary: 'Pauses an agent, a project or everything of the caller’s tenant: what runs goes on, what comes waits.',
    needs: 'admin',
    body: pauseBody,
    example: { all: true },
    replies: held,
    problems: { 404: ['agent_not_found', 'project_not_found'], 409: ['too_many_switches'] },
  },
  {
    method: 'POST',
    path: '/resume',
    id: 'resume',
    tag,
    summary: 'Ends that one pause.',
    needs: 'admin',
    body: pauseBody,
    example: { all: true },
    replies: held,
    problems: { 404: ['agent_not_found', 'project_not_found'] },
  },
  {
    method: 'POST',
    path: '/emergency-stop',
    id: 'emergencyStop',
    tag,
    summary: 'Stops everything of the caller’s tenant: within 10 s nothing starts any more, and what runs is aborted and waits.',
    needs: 'admin',
    replies: held,
  },
  {
    method: 'DELETE',
    path: '/emergency-stop',
    id: 'liftEmergencyStop',
    tag,
    summary: 'Lifts the emergency stop; what is paused stays paused.',
    needs: 'admin',
    replies: held,
  },
  {
    method: 'GET',
    path: '/switches',
    id: 'getSwitches',
    tag,
    summary: 'Shows what is stopped, paused and off, since when, and by whom.',
    needs: 'admin',
    replies: held,
  },
  {
    method: 'GET',
    path: '/system-state',
    id: 'getSystemState',
    tag,
    summary: 'Shows tasks, agents, backups and what runs now, at one glance.',
    needs: 'read',
    query: systemStateQuery,
    replies: { 200: json('A page of each list.', replies.systemStateSchema) },
    problems: { 404: ['project_not_found'] },
  },
  {
    method: 'GET',
    path: '/policies/approvals',
    id: 'getApprovalPolicy',
    tag,
    summary: 'Shows what the caller’s tenant wants to be asked about before it runs.',
    needs: 'admin',
    replies: { 200: json('The policy.', policy) },
  },
  {
    method: 'PUT',
    path: '/policies/approvals',
    id: 'setApprovalPolicy',
    tag,
    summary: 'Replaces what is asked about before it runs; an empty policy asks about nothing.',
    needs: 'admin',
    body: approvalPolicyBody,
    example: { taskTypes: ['deployment'], costAboveCents: 500, fourEyes: true },
    replies: { 200: json('The policy as it is now.', policy) },
  },
  {
    method: 'GET',
    path: '/approvals',
    id: 'listApprovals',
    tag,
    summary: 'Lists the tasks that wait for an approval, in the order in which they would run.',
    needs: 'admin',
    query: approvalsQuery,
    replies: { 200: json('A page of them.', replies.approvalsSchema) },
  },
  {
    method: 'POST',
    path: '/approvals/{id}',
    id: 'decideApproval',
    tag,
    summary: 'Approves or rejects a task, bound to the hash of what was looked at.',
    needs: 'admin',
    body: decisionBody,
    example: { decision: 'approve', hash: '<hash of GET /approvals>' },
    replies: { 200: json('The decision.', replies.decidedSchema) },
    problems: {
      403: ['four_eyes'],
      404: ['task_not_found'],
      409: ['already_decided', 'approval_changed', 'not_waiting_for_approval'],
    },
  },
  {
    method: 'GET',
    path: '/audit',
    id: 'listAudit',
    tag,
    summary: 'Lists who decided what, newest first.',
    needs: 'admin',
    query: auditQuery,
    replies: { 200: json('A page of entries.', replies.auditSchema) },
    problems: { 404: ['task_not_found'] },
  },
  {
    method: 'GET',
    path: '/audit/export',
    id: 'exportAudit',
    tag,
    summary: 'Streams the same entries as JSON lines, as many as there are.',
    detail: 'The last line is `{"end": true}`, or `{"end": false, "nextCursor"}` where time was up.',
    needs: 'admin',
    query: exportQuery,
    replies: { 200: { says: 'One entry a line.', item: replies.exportLineSchema, types: ['application/x-ndjson'] } },
    problems: { 404: ['task_not_found'] },
  },
];
