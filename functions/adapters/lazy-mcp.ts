import { Problem } from '../core/errors.ts';
import type { Log, McpServers } from '../core/ports.ts';
import type { Settings } from '../core/settings.ts';

/** What the MCP servers are reached by. */
export interface McpOptions {
  readonly settings: Pick<Settings, 'mcpServers' | 'limits' | 'times' | 'allowLoopback'>;
  /** What this client calls itself to them. */
  readonly version: string;
  readonly log: Log;
}

/** The MCP servers, loaded with their first use: the protocol's library takes longer to load than a function to start. */
export function lazyMcp(options: McpOptions): McpServers {
  let loaded: Promise<McpServers> | undefined;
  const servers = (): Promise<McpServers> => {
    loaded ??= import('./mcp.ts').then(({ mcpServers }) => mcpServers(options));
    return loaded;
  };
  return {
    use: async (server, signal, work) => (await servers()).use(server, signal, work),
    close: async () => (await loaded)?.close(),
  };
}

/** For every function that is to start no process and to ask no server. */
export const noMcp = (name: string): McpServers => ({
  use: async () => Promise.reject(new Problem(500, 'not_granted', `${name} has no MCP servers: agent-light reaches them.`)),
  close: async () => {},
});
