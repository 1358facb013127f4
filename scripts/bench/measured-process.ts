/** A Heliograph of its own process, started by the command that users start it with, and the load generator beside it. */

import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import type { LoadResult } from './load.ts';

export interface MeasuredProcess {
  readonly url: string;
  /** Resident memory, in MB. */
  memoryMb(): number;
  stop(): Promise<void>;
}

/** Starts Heliograph on a free port. */
export const startHeliograph = (dataDir: string): Promise<MeasuredProcess> =>
  startMeasured('../start.ts', ['--port', '0', '--set', 'logLevel=warn', '--data-dir', dataDir]);

/** Starts the bare trial. */
export const startBare = (dataDir: string): Promise<MeasuredProcess> => startMeasured('./bare-embedded.ts', [`${dataDir}/bare.db`]);

async function startMeasured(script: string, args: readonly string[]): Promise<MeasuredProcess> {
  const child = spawn(process.execPath, [new URL(script, import.meta.url).pathname, ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const lines = createInterface({ input: child.stdout });
  for await (const line of lines) {
    const url = /is ready at (\S+)/.exec(line)?.[1];
    if (url === undefined) continue;
    child.stdout.resume();
    return {
      url,
      memoryMb: () => Number(execFileSync('ps', ['-o', 'rss=', '-p', String(child.pid)]).toString()) / 1024,
      stop: () => stopped(child),
    };
  }
  throw new Error('Heliograph ended before it was ready.');
}

export interface LoadGenerator {
  run(load: { readonly url: string; readonly clients: number; readonly tasks: number }): Promise<LoadResult>;
  stop(): Promise<void>;
}

/** Starts the load generator; one run at a time. */
export function startLoad(): LoadGenerator {
  const child = spawn(process.execPath, [new URL('./load.ts', import.meta.url).pathname], { stdio: ['pipe', 'pipe', 'inherit'] });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  return {
    async run(load) {
      child.stdin.write(`${JSON.stringify(load)}\n`);
      const { value, done } = await lines.next();
      if (done) throw new Error('The load generator broke off.');
      return JSON.parse(value) as LoadResult;
    },
    async stop() {
      child.stdin.end();
      await once(child, 'exit');
    },
  };
}

async function stopped(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill('SIGINT');
  await once(child, 'exit');
}
