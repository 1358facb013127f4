/** One session with an MCP server, whatever carries it. */

import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import type { Transport } from '@modelcontextprotocol/sdk/shared/transport.js';
import {
  CallToolResultSchema,
  ErrorCode,
  ListToolsResultSchema,
  McpError,
  ToolListChangedNotificationSchema,
} from '@modelcontextprotocol/sdk/types.js';
import { Problem } from '../core/errors.ts';
import type { McpTool } from '../core/ports.ts';
import type { Settings } from '../core/settings.ts';
import type { PooledSession } from './mcp-pool.ts';

/** What carries a session. Once it is cut it calls the transport's `onclose`. */
export interface Wire {
  readonly transport: Transport;
  /** Ends it, with what is behind it. Never rejects. */
  end(): Promise<void>;
}

const MAX_TOOLS = 1_000;

/** Opens a session: greets the server, which has `times.mcpStartMs` for it. Throws `Problem` 502 `mcp_unreachable`. */
export async function openSession(
  name: string,
  wire: Wire,
  { times, version, signal }: { readonly times: Settings['times']; readonly version: string; readonly signal: AbortSignal },
): Promise<PooledSession> {
  // Whether a result is as its tool says is for the job to judge, not for code that is made from what the server says.
  const client = new Client({ name: 'heliograph', version }, { capabilities: {}, jsonSchemaValidator: AS_IT_IS });
  let broken = false;
  let whenBroken = () => {};
  let known: { readonly tools: readonly McpTool[]; readonly at: number } | undefined;
  let changes = 0;

  const breakOff = () => {
    if (broken) return;
    broken = true;
    whenBroken();
  };
  client.onclose = breakOff;
  client.setNotificationHandler(ToolListChangedNotificationSchema, () => {
    changes += 1;
    known = undefined;
  });
  try {
    await client.connect(wire.transport, { timeout: times.mcpStartMs, signal });
  } catch (error) {
    await wire.end();
    const message = `The MCP server ${name} could not be started or reached: ${said(error)}`;
    throw new Problem(502, 'mcp_unreachable', message, { cause: error });
  }

  return {
    isBroken: () => broken,
    onBroken(run) {
      whenBroken = run;
    },
    async tools() {
      if (known !== undefined && Date.now() - known.at < times.mcpToolsMs) return known.tools;
      const before = changes;
      const tools: McpTool[] = [];
      const timed = AbortSignal.timeout(times.mcpListMs);
      let cursor: string | undefined;
      do {
        const params = cursor === undefined ? {} : { cursor };
        const options = { timeout: times.mcpListMs, signal: timed };
        const page = await client.request({ method: 'tools/list', params }, ListToolsResultSchema, options).catch(failed);
        tools.push(...page.tools.map(toolOf));
        cursor = page.tools.length === 0 ? undefined : page.nextCursor;
      } while (cursor !== undefined && tools.length < MAX_TOOLS);
      if (before === changes) known = { tools, at: Date.now() };
      return tools;
    },
    async call({ tool, inputs, effectId, timeoutMs, signal: stopped, onProgress }) {
      const params = { name: tool, arguments: { ...inputs }, _meta: { 'heliograph/idempotency-key': effectId } };
      const options = { timeout: timeoutMs, signal: stopped, onprogress: onProgress };
      const answer = await client.request({ method: 'tools/call', params }, CallToolResultSchema, options).catch(failed);
      const { isError = false, content, structuredContent: structured } = answer;
      return { isError, content, ...(structured === undefined ? {} : { structured }) };
    },
    async close() {
      broken = true;
      await wire.end();
    },
  };

  /** After one that was not answered the session is of no more use: its server may still work at it. */
  function failed(error: unknown): never {
    if (broken) throw new Problem(502, 'mcp_disconnected', `The MCP server ${name} went away before it answered.`);
    const code = error instanceof McpError ? error.code : undefined;
    if (code === ErrorCode.RequestTimeout) {
      breakOff();
      throw new Problem(504, 'mcp_timeout', `The MCP server ${name} did not answer in time.`);
    }
    // An answer that is none is the server's doing too: asked again, it would say the same.
    const isAnswer = code !== undefined || (error instanceof Error && 'issues' in error);
    if (isAnswer) throw new Problem(422, 'mcp_refused', `The MCP server ${name} answered with an error: ${said(error)}`);
    breakOff();
    throw new Problem(502, 'mcp_disconnected', `The MCP server ${name} could not be asked: ${said(error)}`);
  }
}

const AS_IT_IS = {
  getValidator: () => (data: unknown) => ({ valid: true as const, data: data as never, errorMessage: undefined }),
};

const toolOf = ({ name, description, inputSchema }: McpTool & { readonly description?: string | undefined }): McpTool => ({
  name,
  ...(description === undefined ? {} : { description }),
  inputSchema,
});

/** What the system says of a command names its file, which is the operator's to know: the log has it. */
function said(error: unknown): string {
  const { message, code, syscall } = error as { message?: unknown; code?: unknown; syscall?: unknown };
  return String(syscall === undefined ? message : code).slice(0, 1_000);
}
