/**
 * Child processes that never outlive their parent. Each leads a process group of its own, so that ctrl-C reaches only us and
 * the order of stopping is ours; whatever is left when this process exits is killed with its whole group.
 *
 * A SIGKILL of this process runs no code here. For that case children are to watch the pipe that we hold: see `GUARD`.
 */

import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process';

export interface GroupProcess {
  readonly child: ChildProcess;
  /** Resolves when the process has ended: with its exit code, or the name of the signal. */
  readonly ended: Promise<number | string>;
  /** Ends the group: SIGTERM, then SIGKILL after `graceMs`. Resolves when the process has ended. */
  stop(graceMs?: number): Promise<void>;
}

/**
 * A shell that runs its arguments and kills them when its standard input closes, which the death of its parent does however it
 * came about: for programs, like a JVM, that cannot watch their parent themselves.
 */
export const GUARD: readonly string[] = [
  'sh',
  '-c',
  'exec 3<&0; "$@" </dev/null & child=$!; { cat <&3 >/dev/null; kill -9 $child; } & exec 3<&-; wait $child',
  'guard',
];

const groups = new Set<number>();

/** Starts a process as the leader of a new group. Rejects when it cannot be started. */
export function startProcess(command: readonly string[], options: SpawnOptions): Promise<GroupProcess> {
  const [program = '', ...args] = command;
  const child = spawn(program, args, { ...options, detached: true });
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('spawn', () => {
      const group = child.pid as number;
      if (groups.size === 0) process.on('exit', killAll);
      groups.add(group);
      const ended = new Promise<number | string>((end) => {
        child.once('exit', (code, signal) => {
          // The leader may be gone while a member of its group is not.
          kill(group, 'SIGKILL');
          groups.delete(group);
          if (groups.size === 0) process.off('exit', killAll);
          end(signal ?? code ?? 0);
        });
      });
      resolve({ child, ended, stop: (graceMs = 5000) => stop(group, ended, graceMs) });
    });
  });
}

async function stop(group: number, ended: Promise<unknown>, graceMs: number): Promise<void> {
  if (groups.has(group)) kill(group, graceMs > 0 ? 'SIGTERM' : 'SIGKILL');
  const cut = setTimeout(() => groups.has(group) && kill(group, 'SIGKILL'), graceMs);
  await ended;
  clearTimeout(cut);
}

function kill(group: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-group, signal);
  } catch {
    // It has ended already.
  }
}

function killAll(): void {
  for (const group of groups) kill(group, 'SIGKILL');
}
