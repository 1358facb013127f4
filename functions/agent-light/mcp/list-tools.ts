/** `POST /mcp/tools`: the tools of an MCP server, for dispatch, which starts no processes. */

import * as z from 'zod';
import { Problem } from '../../core/errors.ts';
import { checked } from '../../core/http.ts';
import type { Runtime } from '../../core/runtime.ts';
import type { JsonObject } from '../../core/task.ts';

const SPARE_MS = 1_000;

/** The body of `POST /mcp/tools`. */
const toolsBody = z.strictObject({ server: z.string().min(1).max(100) });

/** `{tools: [{name, description?, inputSchema}]}`. Throws `Problem` 404 `mcp_server_not_found`, 502 to 504 for what does not answer. */
export async function listTools({ mcp, clock, settings }: Runtime, given: unknown): Promise<JsonObject> {
  const { server } = checked(toolsBody, given);
  const abort = new AbortController();
  const late = new Problem(503, 'mcp_busy', `No session with the MCP server ${server} was free in time.`, { retryAfterSeconds: 5 });
  // A server that does not start says so itself.
  const cancel = clock.after(settings.times.mcpStartMs + SPARE_MS, () => abort.abort(late));
  try {
    return { tools: await mcp.use(server, abort.signal, (session) => session.tools()) };
  } finally {
    cancel();
  }
}
