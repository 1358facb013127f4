/** Keeps one process alive: waits until it is ready, and starts it again, with growing pauses, whenever it ends unasked. */

import type { SpawnOptions } from 'node:child_process';
import type { Log } from '../functions/core/ports.ts';
import { type GroupProcess, startProcess } from './process-groups.ts';

export interface SuperviseOptions {
  readonly name: string;
  readonly command: readonly string[];
  readonly spawn: SpawnOptions;
  /** Whether it serves now. */
  readonly probe: () => Promise<boolean>;
  readonly readyWithinMs?: number;
  /** Called with each line of its output. */
  readonly onLine: (line: string) => void;
  /** Called with what it sends, where it has a channel. */
  readonly onMessage?: (message: unknown) => void;
  readonly log: Log;
}

export interface Supervised {
  /** Of the process that runs now; undefined between two. */
  readonly pid: number | undefined;
  /** How often it was started again. */
  readonly restarts: number;
  stop(graceMs?: number): Promise<void>;
}

const PROBE_EVERY_MS = 40;
const PAUSE_FIRST_MS = 100;
const PAUSE_MAXIMUM_MS = 5000;
/** A process that has run this long is well; its next end starts from the first pause again. */
const WELL_AFTER_MS = 10_000;

/** Resolves when the first start is ready; rejects, leaving nothing behind, when that one ends first or takes too long. */
export async function supervise(options: SuperviseOptions): Promise<Supervised> {
  const { name, log, readyWithinMs = 30_000 } = options;
  let running: GroupProcess | undefined;
  let startedAt = 0;
  let restarts = 0;
  let pause = PAUSE_FIRST_MS;
  let stopping = false;
  let wakeUp = () => {};

  async function start(): Promise<void> {
    const started = await startProcess(options.command, options.spawn);
    started.child.on('message', (message) => options.onMessage?.(message));
    for (const stream of [started.child.stdout, started.child.stderr]) lines(stream, options.onLine);
    running = started;
    startedAt = Date.now();
  }

  async function keepAlive(): Promise<void> {
    while (running !== undefined) {
      const how = await running.ended;
      running = undefined;
      if (stopping) return;
      if (Date.now() - startedAt > WELL_AFTER_MS) pause = PAUSE_FIRST_MS;
      log.warn({ name, ended: how, pauseMs: pause }, 'process ended; it is started again');
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, pause);
        wakeUp = () => {
          clearTimeout(timer);
          resolve();
        };
      });
      pause = Math.min(pause * 2, PAUSE_MAXIMUM_MS);
      if (stopping) return;
      restarts += 1;
      await start();
    }
  }

  await start();
  const first = running as unknown as GroupProcess;
  let ended: number | string | undefined;
  first.ended.then((how) => {
    ended = how;
  });
  const limit = Date.now() + readyWithinMs;
  while (!(await options.probe())) {
    if (ended !== undefined) throw new Error(`${name} ended with ${ended} before it was ready`);
    if (Date.now() > limit) {
      await first.stop(0);
      throw new Error(`${name} was not ready within ${readyWithinMs} ms`);
    }
    await new Promise((resolve) => setTimeout(resolve, PROBE_EVERY_MS));
  }
  const kept = keepAlive().catch((error: unknown) => {
    log.error({ name, error: String(error) }, 'process could not be started again');
  });

  return {
    get pid() {
      return running?.child.pid;
    },
    get restarts() {
      return restarts;
    },
    async stop(graceMs) {
      stopping = true;
      wakeUp();
      await running?.stop(graceMs);
      await kept;
      // A start that was under way when the stop came.
      await running?.stop(0);
    },
  };
}

function lines(stream: NodeJS.ReadableStream | null, onLine: (line: string) => void): void {
  if (stream === null) return;
  let rest = '';
  stream.setEncoding('utf8');
  stream.on('data', (chunk: string) => {
    const parts = (rest + chunk).split('\n');
    rest = parts.pop() ?? '';
    for (const line of parts) onLine(line);
  });
  stream.on('end', () => {
    if (rest !== '') onLine(rest);
  });
}
