/** All endpoints, in the order in which they are shown. A new one is a row in one of these files. */

import type { Operation } from '../operation.ts';
import { ABOUT } from './about.ts';
import { AGENTS } from './agents.ts';
import { ATTEMPTS } from './attempts.ts';
import { CONTROL } from './control.ts';
import { ORCHESTRATE } from './orchestrate.ts';
import { PROJECTS } from './projects.ts';
import { SPENDING } from './spending.ts';
import { TASKS } from './tasks.ts';

export const OPERATIONS: readonly Operation[] = [
  ...[...ORCHESTRATE, ...TASKS, ...SPENDING, ...PROJECTS],
  ...[...AGENTS, ...CONTROL, ...ATTEMPTS, ...ABOUT],
];

/** What the tags stand for, and the function that serves them. */
export const TAGS = {
  orchestrate: 'Any intent through one endpoint: tools, flows, and the tools of MCP servers. Functions `dispatch` and `control`.',
  tasks: 'Sending tasks, watching them, ending them. Function `dispatch`.',
  spending: 'What may be spent, and what was. Function `dispatch`.',
  projects: 'What may be modified, and the way back. Function `projects`.',
  agents: 'Who works here. Function `control`.',
  'human control': 'What people hold up, let go on, and look back at. Function `control`.',
  attempts: 'What agents ask and report while they run a task. Functions `dispatch` and `agent-light`.',
  about: 'What anybody may know, without credentials. Function `dispatch`.',
} as const;
