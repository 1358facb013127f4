/** Many seeds over several processes. */

import { fork } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import type { Report, Work } from './worker.ts';

export interface Failure {
  readonly seed: number;
  readonly rule: string;
  readonly detail: string;
}

export interface SeedsOptions {
  readonly from: number;
  readonly count: number;
  /** The name of a mutation that is put into the code. */
  readonly mutation?: string;
  /** Ends at the first failure: it is the lowest one of its process, and not of all. */
  readonly stopAtFirst?: boolean;
  readonly onProgress?: (done: number, failures: number) => void;
}

const WORKER = fileURLToPath(new URL('./worker.ts', import.meta.url));

/** Runs the seeds and returns those that broke a rule, in order. Rejects when a process ends before its work. */
export async function simulateSeeds(options: SeedsOptions): Promise<readonly Failure[]> {
  const { from, count, mutation, stopAtFirst = false, onProgress } = options;
  const processes = Math.min(availableParallelism(), Math.ceil(count / 100));
  const failures: Failure[] = [];
  const done = new Array<number>(processes).fill(0);
  const stops: (() => void)[] = [];

  await Promise.all(
    done.map(
      (_, place) =>
        new Promise<void>((resolve, reject) => {
          const child = fork(WORKER, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
          let isStopped = false;
          stops.push(() => {
            isStopped = true;
            child.kill();
          });
          child.on('message', (report: Report) => {
            done[place] = report.done;
            if (report.failed !== undefined) failures.push(report.failed);
            onProgress?.(
              done.reduce((sum, one) => sum + one),
              failures.length,
            );
            if (stopAtFirst && failures.length > 0) for (const stop of stops) stop();
          });
          child.on('error', reject);
          child.on('exit', (code) =>
            code === 0 || isStopped ? resolve() : reject(new Error(`A simulating process ended with ${code}.`)),
          );
          child.send({ from: from + place, to: from + count, step: processes, mutation } satisfies Work);
        }),
    ),
  );
  return failures.sort((a, b) => a.seed - b.seed);
}
