/** Runs an intent: a tool of ours, a flow behind a webhook, a tool of an MCP server. */

import type { Context, Handler } from '../core/agent/define-agent.ts';
import { isCleared } from '../core/intents/clearance.ts';
import type { Intent } from '../core/intents/intents.ts';
import type { ToolName } from '../core/intents/tool-terms.ts';
import type { Runtime } from '../core/runtime.ts';
import type { JsonObject } from '../core/task.ts';
import { checkedInputs } from './checked-inputs.ts';
import { runFlow } from './flow.ts';
import { tools } from './tools/registry.ts';

/**
 * The handler of an intent's agent. What the inputs lack fails the job as `invalid_inputs`. Something dangerous runs dry unless its
 * job was cleared: nothing is opened, sent or written for it.
 */
export function runIntent(runtime: Runtime, intent: Intent): Handler {
  const { mode, dangerous } = intent;
  const isDry = (context: Context): boolean => dangerous && !isCleared(runtime, context.job, intent);
  if (mode === 'agent') return runTool(runtime, intent, isDry);
  const run = mode === 'flow' ? runFlow(runtime, intent) : runMcp(runtime, intent);
  return (inputs, context) => (isDry(context) ? dry({ intent: intent.name, inputs }) : run(inputs, context));
}

function runTool(runtime: Runtime, { target }: Intent, isDry: (context: Context) => boolean): Handler {
  return async ({ confirm_dangerous: _, ...given }, context) => {
    const tool = await tools[target as ToolName]();
    const inputs = checkedInputs(tool.inputs, given);
    return isDry(context) ? dry(tool.dryRun?.(runtime, inputs)) : tool.run(runtime, inputs, context);
  };
}

/** Loaded when one is called, as the tools are. */
const runMcp =
  (runtime: Runtime, intent: Intent): Handler =>
  async (inputs, context) =>
    (await import('./mcp/call-tool.ts')).callTool(runtime, intent, inputs, context);

/** In the words of row O11. */
const dry = (would_execute: unknown): JsonObject => ({
  dry_run: true,
  would_execute,
  note: 'Set confirm_dangerous=true to execute',
  hint: 'The caller needs the scope "dangerous", and the operator has to list the intent in dangerousIntents.',
});
