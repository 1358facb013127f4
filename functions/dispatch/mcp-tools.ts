/** `GET /mcp` and `GET /mcp/{server}/tools`: which MCP servers there are, and what each can do. */

import { functionUrl } from '../core/addresses.ts';
import { Problem } from '../core/errors.ts';
import { parsedData } from '../core/push-gate.ts';
import type { Runtime } from '../core/runtime.ts';
import type { JsonObject } from '../core/task.ts';

const MAX_BYTES = 8 * 1024 * 1024;
/** What it takes beside the start of a server and the listing of its tools. */
const MARGIN_MS = 5_000;

/** The names of the servers in the settings: `{servers: [{name}]}`. */
export const listServers = ({ settings }: Pick<Runtime, 'settings'>): JsonObject => ({
  servers: settings.mcpServers.map(({ name }) => ({ name })),
});

/**
 * A server's tools, `{tools: [{name, description?, inputSchema}]}`, by agent-light, which reaches them. Throws `Problem` 404
 * `mcp_server_not_found`, 502 `mcp_unreachable`, `mcp_disconnected`, 503 `agent_unreachable`, `mcp_busy`, 504 `mcp_timeout`.
 */
export async function getTools(runtime: Runtime, server: string): Promise<JsonObject> {
  const { mcpServers, times } = runtime.settings;
  if (!mcpServers.some(({ name }) => name === server))
    throw new Problem(404, 'mcp_server_not_found', `There is no MCP server ${server.slice(0, 100)}: GET /mcp lists what there is.`);
  const base = functionUrl(runtime.settings, 'agent-light');
  const reply = await asked().catch((cause: unknown) => {
    throw new Problem(503, 'agent_unreachable', 'What reaches the MCP servers does not answer.', { retryAfterSeconds: 5, cause });
  });
  const body = (parsedData(reply.body)?.value ?? {}) as { readonly code?: unknown; readonly detail?: unknown };
  if (reply.status === 200) return body as JsonObject;
  const { code, detail } = body;
  if (typeof code !== 'string' || !code.startsWith('mcp_'))
    throw new Problem(502, 'agent_unreachable', `What reaches the MCP servers answered ${reply.status}.`);
  throw new Problem(reply.status >= 500 ? reply.status : 502, code, String(detail));

  async function asked() {
    const token = await runtime.identity.idToken(new URL(base).origin);
    return runtime.egress.request({
      url: `${base}/mcp/tools`,
      trust: 'operator',
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${token}` },
      body: JSON.stringify({ server }),
      timeoutMs: times.mcpStartMs + times.mcpListMs + MARGIN_MS,
      maxBytes: MAX_BYTES,
    });
  }
}
