/** `npm start` in a process of its own, for tests that kill it. */

import { type ChildProcess, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const START = fileURLToPath(new URL('../../scripts/start.ts', import.meta.url));

export interface Started {
  readonly url: string;
  /** Resolves when it has ended; at once where it has. */
  end(signal: NodeJS.Signals): Promise<void>;
}

/** Resolves when it is ready. Of this process's environment it gets `PATH` alone. */
export async function started(flags: readonly string[], environment: Readonly<Record<string, string>>): Promise<Started> {
  const child = spawn(process.execPath, [START, ...flags], {
    env: { PATH: process.env.PATH, ...environment },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const url = await new Promise<string>((resolve, reject) => {
    let text = '';
    child.stdout.on('data', (chunk) => {
      text += chunk;
      const [, found] = /ready at (http:\S+)/.exec(text) ?? [];
      if (found !== undefined) resolve(found);
    });
    child.on('exit', (code) => reject(new Error(`it ended with ${code} before it was ready:\n${text}`)));
  });
  return { url, end: (signal) => ended(child, signal) };
}

function ended(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve();
  return new Promise((resolve) => {
    child.once('exit', () => resolve());
    child.kill(signal);
  });
}
