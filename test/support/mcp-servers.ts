/** Real MCP servers for tests: the one of examples from npm, and one that misbehaves. */

import { type ChildProcess, spawn } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { freePorts, LOOPBACK } from '../../emulator-bridge/loopback.ts';
import { until } from './folder.ts';

const EVERYTHING = join(import.meta.dirname, '../../node_modules/@modelcontextprotocol/server-everything/dist/index.js');
const STAND_IN = join(import.meta.dirname, 'mcp-stand-in.ts');

/** `@modelcontextprotocol/server-everything` over its input and output. It ignores the mark, by which its process is found. */
export const everything = (mark: string, env: Record<string, string> = {}) => ({
  name: 'everything',
  command: process.execPath,
  args: [EVERYTHING, 'stdio', mark],
  env,
});

/** The server that misbehaves; `record` is the file of what it hears. */
export const standIn = (mark: string, record: string) => ({
  name: 'odd',
  command: process.execPath,
  args: [STAND_IN, mark],
  env: { RECORD: record },
});

export interface HttpServer {
  readonly row: { readonly name: string; readonly url: string };
  readonly process: ChildProcess;
  readonly url: string;
  stop(): Promise<void>;
}

/** `@modelcontextprotocol/server-everything` over streamable HTTP, on a port of its own or the one that is given. */
export async function everythingOverHttp(given?: number): Promise<HttpServer> {
  const port = given ?? ((await freePorts(1))[0] as number);
  const started = spawn(process.execPath, [EVERYTHING, 'streamableHttp'], { env: { PORT: String(port) }, stdio: 'ignore' });
  const ended = new Promise<void>((resolve) => started.once('exit', () => resolve()));
  const url = `http://${LOOPBACK}:${port}/mcp`;
  await until(() =>
    fetch(url).then(
      () => true,
      () => false,
    ),
  );
  return {
    row: { name: 'remote', url },
    process: started,
    url,
    async stop() {
      started.kill('SIGKILL');
      await ended;
    },
  };
}

/** The processes that have `mark` on their command line. */
export function pidsOf(mark: string): number[] {
  return readdirSync('/proc').flatMap((pid) => {
    if (!/^\d+$/.test(pid) || Number(pid) === process.pid) return [];
    try {
      const isIt = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0').includes(mark);
      return isIt && !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8')) ? [Number(pid)] : [];
    } catch {
      return [];
    }
  });
}
