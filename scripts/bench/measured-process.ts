/** What is measured, each in a process of its own, and the load generators beside it. */

import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import type { HttpLoad } from './load.ts';
import type { Load, LoadResult } from './load-loop.ts';

export interface MeasuredProcess {
  readonly url: string;
  /** Resident memory, in MB. */
  memoryMb(): number;
  stop(): Promise<void>;
}

/** Starts Heliograph on a free port, by the command that users start it with. */
export const startHeliograph = (dataDir: string): Promise<MeasuredProcess> =>
  startMeasured('../start.ts', ['--port', '0', '--set', 'logLevel=warn', '--data-dir', dataDir]);

/** Starts the bare trial. */
export const startBare = (dataDir: string): Promise<MeasuredProcess> => startMeasured('./bare-embedded.ts', [`${dataDir}/bare.db`]);

/** Starts a script of this folder that prints its address in a line that `ready` matches, and ends on SIGINT. */
export async function startMeasured(
  script: string,
  args: readonly string[],
  { ready = /is ready at (\S+)/, env }: { readonly ready?: RegExp; readonly env?: NodeJS.ProcessEnv } = {},
): Promise<MeasuredProcess> {
  const child = spawn(process.execPath, [new URL(script, import.meta.url).pathname, ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, ...env },
  });
  killAtExit(child);
  for await (const line of createInterface({ input: child.stdout })) {
    const url = ready.exec(line)?.[1];
    if (url === undefined) continue;
    child.stdout.resume();
    return {
      url,
      memoryMb: () => Number(execFileSync('ps', ['-o', 'rss=', '-p', String(child.pid)]).toString()) / 1024,
      stop: () => stopped(child),
    };
  }
  throw new Error(`${script} ended before it was ready.`);
}

export interface LoadGenerator<T extends Load = HttpLoad> {
  run(load: T): Promise<LoadResult>;
  stop(): Promise<void>;
}

/** Starts a load generator, by default the one over HTTP; one run at a time. */
export function startLoad<T extends Load = HttpLoad>(
  script = './load.ts',
  args: readonly string[] = [],
  env: NodeJS.ProcessEnv = {},
): LoadGenerator<T> {
  const path = new URL(script, import.meta.url).pathname;
  const child = spawn(process.execPath, [path, ...args], { stdio: ['pipe', 'pipe', 'inherit'], env: { ...process.env, ...env } });
  killAtExit(child);
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  return {
    async run(load) {
      child.stdin.write(`${JSON.stringify(load)}\n`);
      const { value, done } = await lines.next();
      if (done) throw new Error(`The load generator ${script} broke off.`);
      return JSON.parse(value) as LoadResult;
    },
    async stop() {
      child.stdin.end();
      if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
    },
  };
}

async function stopped(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill('SIGINT');
  await once(child, 'exit');
}

const children = new Set<ChildProcess>();

/** When this process is broken off; one whose server is gone would wait for it. */
function killAtExit(child: ChildProcess): void {
  if (children.size === 0) process.on('exit', killAll);
  children.add(child);
  child.once('exit', () => {
    children.delete(child);
    if (children.size === 0) process.off('exit', killAll);
  });
}

function killAll(): void {
  for (const child of children) child.kill('SIGKILL');
}
