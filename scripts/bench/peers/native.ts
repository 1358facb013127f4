/** Servers that are no Node programs, each private: its own folder, its own port on loopback, ended with this process. */

import { accessSync, constants, globSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { createInterface } from 'node:readline';
import { GUARD, startProcess } from '../../../emulator-bridge/process-groups.ts';

const PACKAGE_FOLDERS = ['/usr/lib/postgresql/*/bin', '/opt/homebrew/bin'];
const READY_WITHIN_MS = 60_000;

/** The program's path: in `PATH`, else where packages put it. Throws when it is not there. */
export function findProgram(name: string): string {
  const folders = [...(process.env.PATH ?? '').split(delimiter), ...PACKAGE_FOLDERS.flatMap((pattern) => globSync(pattern))];
  const found = folders.map((folder) => join(folder, name)).find(isExecutable);
  if (found === undefined) throw new Error(`${name} is not on this machine`);
  return found;
}

export interface NativeOptions {
  /** Matches the line that says that it serves. */
  readonly ready: RegExp;
  readonly env?: NodeJS.ProcessEnv;
  readonly uid?: number;
  readonly gid?: number;
}

export interface NativeServer {
  /** Resolves when it has ended of itself. */
  readonly ended: Promise<unknown>;
  stop(): Promise<void>;
}

/** Starts it and waits until it serves. Rejects with its last lines when it ends instead, or takes too long. */
export async function startNative(command: readonly string[], { ready, env, uid, gid }: NativeOptions): Promise<NativeServer> {
  const options = { stdio: ['pipe', 'pipe', 'pipe'], env: { ...process.env, ...env }, uid, gid } as const;
  const { child, ended, stop } = await startProcess([...GUARD, ...command], { ...options, stdio: [...options.stdio] });
  const lines: string[] = [];
  const serves = new Promise<'serves'>((resolve) => {
    for (const input of [child.stdout, child.stderr]) {
      if (input === null) continue;
      createInterface({ input }).on('line', (line) => {
        lines.push(line);
        lines.splice(0, lines.length - 10);
        if (ready.test(line)) resolve('serves');
      });
    }
  });
  let cut: NodeJS.Timeout | undefined;
  const late = new Promise<'late'>((resolve) => {
    cut = setTimeout(() => resolve('late'), READY_WITHIN_MS);
  });
  const how = await Promise.race([serves, ended, late]);
  clearTimeout(cut);
  if (how !== 'serves') {
    await stop(0);
    throw new Error(`${command[0]} did not start (${how}):\n${lines.join('\n')}`);
  }
  // Its folder is removed next: there is nothing that a gentle end would save.
  return { ended, stop: () => stop(0) };
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
