/** What the schemas are called that more than one place of the document shows. The others are named by their operation. */

import type { z } from 'zod';
import { workSchema } from '../../functions/core/packet.ts';
import { agentDoneSchema, agentSchema } from './replies/agents.ts';
import { approvalPolicySchema, switchesSchema } from './replies/control.ts';
import { acceptedAnswerSchema, endedAnswerSchema, intentSchema } from './replies/orchestrate.ts';
import { problemSchema } from './replies/problem.ts';
import * as projects from './replies/projects.ts';
import { budgetSchema } from './replies/spending.ts';
import { claimSchema, entrySchema, taskSchema } from './replies/tasks.ts';

export const NAMES = new Map<z.ZodType, string>([
  [acceptedAnswerSchema, 'OrchestrateAccepted'],
  [endedAnswerSchema, 'OrchestrateEnded'],
  [agentDoneSchema, 'AgentDone'],
  [agentSchema, 'Agent'],
  [approvalPolicySchema, 'ApprovalPolicy'],
  [projects.backupRunningSchema, 'BackupRunning'],
  [projects.backupSchema, 'Backup'],
  [projects.backupTakenSchema, 'BackupTaken'],
  [budgetSchema, 'Budget'],
  [claimSchema, 'Claim'],
  [entrySchema, 'TimelineEntry'],
  [intentSchema, 'Intent'],
  [problemSchema, 'Problem'],
  [projects.projectSchema, 'Project'],
  [projects.rolledBackSchema, 'RolledBack'],
  [projects.rollbackRunningSchema, 'RollbackRunning'],
  [projects.verifiedSchema, 'Verified'],
  [projects.verifyingSchema, 'Verifying'],
  [projects.rollbackSchema, 'Rollback'],
  [switchesSchema, 'Switches'],
  [taskSchema, 'Task'],
  [workSchema, 'Work'],
]);
