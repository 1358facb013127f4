/**
 * What a task may have to wait for beside other tasks, by the names that `waitingFor` shows, always in this order: `approval`,
 * `resume` (it is paused, or everything is stopped), `project:<id>` (its lock), `backup`, `agent:<name>` (a slot of its limit).
 * Projects come before agents for everybody, so that no two can wait for each other.
 */

import { hashedId } from '../hashed-id.ts';
import type { Agent } from '../registry/agents.ts';
import { approvalPolicyOf, pauseOf } from '../registry/switches.ts';
import type { Runtime } from '../runtime.ts';
import type { Change } from '../store.ts';
import type { Task, TaskCore } from '../task.ts';
import { needsApproval } from './approvals.ts';

export const APPROVAL = 'approval';
export const RESUME = 'resume';
export const BACKUP = 'backup';
export const agentGate = (name: string): string => `agent:${name}`;
export const projectGate = (projectId: string): string => `project:${projectId}`;

/** Whether a name in `waitingFor` is a gate's; the others are ids of tasks. */
export const isGate = (name: string): boolean => name === APPROVAL || name === RESUME || name === BACKUP || isResource(name);

/** Whether a gate is something that only so many may have at a time. */
export const isResource = (gate: string): boolean => gate.includes(':');

/** Whether it is the lock of a project. */
export const isLock = (gate: string): boolean => gate.startsWith('project:');

/** Under what a tenant's gate stands in `slots` and, with those who wait there, in `dependents`. */
export const resourceOf = (tenant: string, gate: string): string => hashedId(tenant, gate);

/** What a task is then to wait for; nothing rather than an empty list. */
export const stillWaitingFor = (left: readonly string[]): Pick<Change, 'set' | 'remove'> =>
  left.length > 0 ? { set: { waitingFor: left } } : { set: {}, remove: ['waitingFor'] };

/** The gates before a new task, as far as is known now. */
export async function gatesOf(
  runtime: Pick<Runtime, 'control' | 'clock' | 'settings'>,
  agent: Agent,
  task: Task,
): Promise<readonly string[]> {
  const { tenant } = task;
  const policy = await approvalPolicyOf(runtime, tenant);
  const pause = await pauseOf(runtime, tenant, task);
  return [
    ...(policy !== undefined && needsApproval(policy, task) ? [APPROVAL] : []),
    ...(pause === undefined ? [] : [RESUME]),
    ...lockGatesOf(task),
    ...(agent.concurrency === undefined ? [] : [agentGate(agent.name)]),
  ];
}

/** What a modification passes: it has its project to itself, and a way back. */
const lockGatesOf = ({ modifies, projectId }: Pick<TaskCore, 'modifies' | 'projectId'>): readonly string[] =>
  modifies && projectId !== undefined ? [projectGate(projectId), BACKUP] : [];
