/**
 * Approvals: what a policy has somebody look at before it runs. A decision is bound to the hash of what was looked at, and to the
 * task's present life: one that is redriven is to be approved anew.
 */

import { centsFromMicros } from '../budgets/money.ts';
import { fingerprint } from '../fingerprint.ts';
import { hashedId } from '../hashed-id.ts';
import type { ApprovalPolicy } from '../registry/switches.ts';
import type { Runtime } from '../runtime.ts';
import { type Known, lifeOf, type Task } from '../task.ts';

/** The collection of decisions. */
export const APPROVALS = 'approvals';

/** A decision, as stored. Times are milliseconds since the epoch. */
export interface Approval {
  readonly tenant: string;
  readonly taskId: string;
  readonly life: string;
  readonly hash: string;
  readonly decision: 'approved' | 'rejected';
  readonly by: string;
  readonly at: number;
  readonly comment?: string;
}

/** Whether a task is one that the policy asks about. */
export function needsApproval(policy: ApprovalPolicy, task: Pick<Task, 'agent' | 'work' | 'modifies' | 'budgetMicros'>): boolean {
  const type = task.work?.task_type ?? (task.modifies ? 'modification' : undefined);
  return (
    (typeof type === 'string' && policy.taskTypes.includes(type)) ||
    (task.modifies === true && policy.taskTypes.includes('modification')) ||
    policy.agents.includes(task.agent) ||
    (policy.costAboveCents !== undefined && centsFromMicros(task.budgetMicros) > policy.costAboveCents)
  );
}

/** What is approved: all that decides what will be done and what it may cost. SHA-256, in base64url. */
export function approvalHash(task: Task): string {
  const { agent, payload, payloadRef, budgetMicros, maxAttempts, projectId, modifies = false, work } = task;
  return fingerprint(agent, { payload: payloadRef?.sha256 ?? payload, budgetMicros, maxAttempts, projectId, modifies, work });
}

/** The id of the decision about a task's present life. */
export const approvalId = ({ id, task }: Known): string => hashedId(id, lifeOf(task));

/** What was decided about the task as it is now, if anything was. */
export async function readApproval({ control }: Pick<Runtime, 'control'>, known: Known<Task>): Promise<Approval | undefined> {
  const found = (await control.get(APPROVALS, approvalId(known)))?.data as unknown as Approval | undefined;
  return found?.hash === approvalHash(known.task) ? found : undefined;
}
