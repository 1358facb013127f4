/** Which code answers for each function of the topology. */

import { agentLight } from './agent-light/index.ts';
import { backups } from './backups/index.ts';
import { callbacks } from './callbacks/index.ts';
import { codex } from './codex/index.ts';
import { control } from './control/index.ts';
import type { Room, Runtime } from './core/runtime.ts';
import { deadLetters } from './dead-letters/index.ts';
import { dispatch } from './dispatch/index.ts';
import { projects } from './projects/index.ts';
import { results } from './results/index.ts';
import { sweeper } from './sweeper/index.ts';

export const rooms: Readonly<Record<string, (runtime: Runtime) => Room>> = {
  dispatch,
  'agent-light': agentLight,
  codex,
  results,
  'dead-letters': deadLetters,
  callbacks,
  control,
  projects,
  backups,
  sweeper,
};
