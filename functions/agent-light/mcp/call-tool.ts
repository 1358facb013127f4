/** Mode `mcp`: a tool of an MCP server, called through a session that is kept. */

import type { Context } from '../../core/agent/define-agent.ts';
import { Problem, RetryableError, TerminalError } from '../../core/errors.ts';
import type { Intent } from '../../core/intents/intents.ts';
import type { McpAnswer, McpTool } from '../../core/ports.ts';
import type { Runtime } from '../../core/runtime.ts';
import type { JsonObject } from '../../core/task.ts';
import { progressNotes } from './progress-notes.ts';
import { checkToolInputs } from './tool-inputs.ts';

/**
 * Calls the tool of an intent, whose target is `<server>/<tool>`, with inputs that its schema takes. The result is its structured
 * content, or else its content blocks. Fails the job with `unknown_server`, `unknown_tool`, `invalid_inputs`, `mcp_refused`, and
 * `mcp_tool_failed` for what the tool itself calls an error; a server that is gone or silent is tried again.
 */
export async function callTool(runtime: Runtime, { target }: Intent, given: JsonObject, context: Context): Promise<unknown> {
  const { confirm_dangerous: _, ...inputs } = given;
  const [server = '', ...rest] = target.split('/');
  const name = rest.join('/');
  checkServer(runtime, server);
  const notes = progressNotes(runtime, context);
  try {
    const answer = await runtime.mcp.use(server, context.signal, async (session) => {
      checkToolInputs(runtime, toolOf(await session.tools(), server, name), inputs);
      return session.call({
        tool: name,
        inputs,
        effectId: context.effectId,
        timeoutMs: Math.max(1, context.deadline - runtime.clock.now()),
        signal: context.signal,
        onProgress: notes.take,
      });
    });
    return resultOf(answer, server, name);
  } catch (error) {
    throw asOutcome(error);
  } finally {
    await notes.written();
  }
}

function checkServer({ settings }: Runtime, server: string): void {
  const names = settings.mcpServers.map((row) => row.name);
  if (names.includes(server)) return;
  const there = names.length === 0 ? 'there are none' : `there are ${names.join(', ')}`;
  throw new TerminalError('unknown_server', `No MCP server ${server.slice(0, 100)} stands in the settings: ${there}.`);
}

function toolOf(tools: readonly McpTool[], server: string, name: string): McpTool {
  const tool = tools.find((one) => one.name === name);
  if (tool !== undefined) return tool;
  const names = tools.map((one) => one.name).join(', ');
  throw new TerminalError('unknown_tool', `${server} has no tool ${name.slice(0, 100)}. It has: ${names}`.slice(0, 1_500));
}

function resultOf({ isError, content, structured }: McpAnswer, server: string, tool: string): unknown {
  if (!isError) return structured ?? content;
  const texts = content.flatMap((block) => (typeof block.text === 'string' ? [block.text] : []));
  const said = texts.join('\n') || 'without a word';
  throw new TerminalError('mcp_tool_failed', `The tool ${tool} of ${server} failed: ${said}`.slice(0, 2_000));
}

/** What a server has answered it would answer again. */
function asOutcome(error: unknown): unknown {
  if (!(error instanceof Problem)) return error;
  return error.status === 422 ? new TerminalError(error.code, error.message) : new RetryableError(error.code, error.message);
}
