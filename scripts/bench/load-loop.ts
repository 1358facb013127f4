/** What every load generator does, whatever it talks to: clients that each send a task, wait for its result and go on to the next. */

import { createInterface } from 'node:readline';

/** Ends after that many tasks or that many seconds, whichever comes first; one of the two is needed. */
export interface Load {
  readonly clients: number;
  readonly tasks?: number;
  readonly seconds?: number;
}

/** How long each task took, from its being sent to its stored result in the caller's hands. */
export interface LoadResult {
  readonly tasks: number;
  readonly seconds: number;
  readonly perSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

/** The same small payload for all. */
export const payload = (number: number) => ({ number, text: 'measured' });

/** Throws unless `result` is what the echo handler makes of the payload of that number. */
export function checkEcho(number: number, result: unknown): void {
  if ((result as { echo?: { number?: unknown } } | null | undefined)?.echo?.number === number) return;
  throw new Error(`Task ${number} brought another result: ${JSON.stringify(result)}`);
}

/** Runs the load. `oneTask` resolves when the caller has read the stored result of its task; numbers are not used twice. */
export async function underLoad(load: Load, oneTask: (number: number) => Promise<void>): Promise<LoadResult> {
  const { clients, tasks = Number.POSITIVE_INFINITY, seconds = Number.POSITIVE_INFINITY } = load;
  if (tasks === Number.POSITIVE_INFINITY && seconds === Number.POSITIVE_INFINITY) throw new RangeError('A load without an end.');
  const times: number[] = [];
  const started = performance.now();
  const end = started + seconds * 1000;
  let sent = 0;
  await Promise.all(
    Array.from({ length: clients }, async () => {
      while (sent < tasks && performance.now() < end) {
        sent += 1;
        const from = performance.now();
        await oneTask(nextNumber++);
        times.push(performance.now() - from);
      }
    }),
  );
  // What was under way at the end is waited for, and its time counts too.
  const took = (performance.now() - started) / 1000;
  times.sort((a, b) => a - b);
  const at = (share: number) => times[Math.min(times.length - 1, Math.floor(times.length * share))] ?? 0;
  return { tasks: times.length, seconds: took, perSecond: times.length / took, p50Ms: at(0.5), p99Ms: at(0.99) };
}

let nextNumber = 0;

/** Answers each line of standard input, a load, with one line of figures, until the input ends. */
export async function serveLoads<T extends Load>(run: (load: T) => Promise<LoadResult>): Promise<void> {
  for await (const line of createInterface({ input: process.stdin })) console.log(JSON.stringify(await run(JSON.parse(line) as T)));
}
