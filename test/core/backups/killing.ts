import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';

export const CHILD = fileURLToPath(new URL('child.ts', import.meta.url));

export interface Ended {
  /** Milliseconds of work. */
  readonly ms: number;
  readonly signal: NodeJS.Signals | null;
  readonly code: number | null;
  readonly stderr: string;
  /** The most memory it had. */
  readonly maxRssBytes: number;
}

export interface Ending {
  readonly killAfterMs?: number;
  readonly killFrom?: () => boolean;
  readonly uid?: number;
  readonly environment?: Record<string, string>;
  /** A bundle of the child, where Node is not to take the types out as it loads them. */
  readonly program?: string;
}

/**
 * Starts the work in a process of its own, and ends it by SIGKILL after `killAfterMs` of it, if it has not ended by then; with
 * `killFrom` so long after that was first so, looked at every millisecond.
 */
export async function inChild(
  folder: string,
  what: 'take' | 'roll-back',
  backupId: string,
  { killAfterMs, killFrom, uid, environment = {}, program = CHILD }: Ending = {},
): Promise<Ended> {
  const child: ChildProcess = fork(program, [folder, what, backupId], {
    stdio: ['ignore', 'inherit', 'pipe', 'ipc'],
    env: { ...process.env, ...environment },
    // As `npm start` has it.
    execArgv: ['--semi-space-growth-factor=1'],
    ...(uid !== undefined && { uid, gid: uid }),
  });
  let stderr = '';
  child.stderr?.on('data', (chunk) => {
    stderr += chunk;
  });
  let maxRssBytes = 0;
  child.on('message', (message: { maxRssBytes?: number }) => {
    maxRssBytes = message.maxRssBytes ?? 0;
  });
  const ended = new Promise<[number | null, NodeJS.Signals | null]>((resolve) => {
    child.once('close', (code, signal) => resolve([code, signal]));
  });
  await Promise.race([new Promise((resolve) => child.once('message', resolve)), ended]);
  const started = performance.now();
  if (child.connected) child.send('go');
  let timer: NodeJS.Timeout | undefined;
  const kill = () => child.kill('SIGKILL');
  const look = () => {
    timer = killFrom?.() ? setTimeout(kill, killAfterMs) : setTimeout(look, 1);
  };
  if (killFrom !== undefined) look();
  else if (killAfterMs !== undefined) timer = setTimeout(kill, killAfterMs);
  const [code, signal] = await ended;
  clearTimeout(timer);
  return { ms: performance.now() - started, signal, code, stderr, maxRssBytes };
}
