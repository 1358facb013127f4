/** Runs an intent: a tool of ours, a flow behind a webhook, a tool of an MCP server. */

import type { Handler } from '../core/agent/define-agent.ts';
import { Problem, TerminalError } from '../core/errors.ts';
import { checked } from '../core/http.ts';
import type { Intent } from '../core/intents/intents.ts';
import type { ToolName } from '../core/intents/tool-terms.ts';
import type { Runtime } from '../core/runtime.ts';
import { runFlow } from './flow.ts';
import { tools } from './tools/registry.ts';

/** The handler of an intent's agent. What the inputs lack fails the job as `invalid_inputs`. */
export function runIntent(runtime: Runtime, intent: Intent): Handler {
  if (intent.mode === 'flow') return runFlow(runtime, intent);
  return async ({ confirm_dangerous: _, ...given }, context) => {
    const tool = await tools[intent.target as ToolName]();
    const inputs = inputsOf(tool.inputs, given);
    if (intent.dangerous && context.job?.cleared !== true) {
      return { dry_run: true, would_execute: tool.dryRun?.(runtime, inputs), ...HOW_TO_CONFIRM };
    }
    return tool.run(runtime, inputs, context);
  };
}

/** In the words of row O11. */
const HOW_TO_CONFIRM = {
  note: 'Set confirm_dangerous=true to execute',
  hint: 'The caller needs the scope "dangerous", and the operator has to list the intent in dangerousIntents.',
};

function inputsOf(schema: Parameters<typeof checked>[0], given: unknown) {
  try {
    return checked(schema, given) as Record<string, unknown>;
  } catch (error) {
    if (error instanceof Problem) throw new TerminalError('invalid_inputs', error.message);
    throw error;
  }
}
