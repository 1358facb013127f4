/** The MCP servers of the settings: sessions over the input and output of a command, or over streamable HTTP. */

import { Problem } from '../core/errors.ts';
import type { McpServers } from '../core/ports.ts';
import { guardedEgress } from './egress.ts';
import type { McpOptions } from './lazy-mcp.ts';
import { httpWire } from './mcp-http.ts';
import { type PooledSession, sessionPool } from './mcp-pool.ts';
import { openSession, type Wire } from './mcp-session.ts';
import { stdioWire } from './mcp-stdio.ts';

/** A pool of sessions for each server. Nothing is started, and nothing asked, before the first use. */
export function mcpServers({ settings, version, log }: McpOptions): McpServers {
  const { mcpServers: rows, limits, times, allowLoopback } = settings;
  const operatorOrigins = rows.flatMap((row) => ('url' in row ? [new URL(row.url).origin] : []));
  const egress = guardedEgress({ allowLoopback, operatorOrigins });
  const pools = new Map(
    rows.map((row) => {
      const wire = (): Promise<Wire> => ('url' in row ? httpWire(row, egress) : stdioWire(row, log));
      const open = async (signal: AbortSignal): Promise<PooledSession> => {
        try {
          return await openSession(row.name, await wire(), { times, version, signal });
        } catch (error) {
          log.warn({ err: error, agent: `mcp:${row.name}` }, 'An MCP server could not be started or reached.');
          throw error;
        }
      };
      return [row.name, sessionPool(open, { most: limits.mcpSessions, idleMs: times.mcpIdleMs })];
    }),
  );

  return {
    async use(server, signal, work) {
      const pool = pools.get(server);
      if (pool === undefined)
        throw new Problem(404, 'mcp_server_not_found', `There is no MCP server ${server.slice(0, 100)} in the settings.`);
      const session = await pool.lend(signal);
      try {
        return await work(session);
      } finally {
        pool.giveBack(session);
      }
    },
    async close() {
      await Promise.all([...pools.values()].map((pool) => pool.close()));
      await egress.close();
    },
  };
}
