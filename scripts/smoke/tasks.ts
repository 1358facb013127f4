/** One task of the smoke test, from its dispatch to its end. */

import { type Caller, said } from './calls.ts';

/** The parts of a task view that are judged. */
export interface TaskSeen {
  readonly id: string;
  readonly status: string;
  readonly attempts: number;
  readonly result?: unknown;
  readonly error?: { readonly code: string };
  readonly timeline: readonly { readonly event: string }[];
}

interface Ended {
  readonly task: TaskSeen;
  readonly waits: number;
  readonly firstWaitMs: number;
}

/** A push function that has to start, and a first push that failed and waits out its backoff. */
const TASK_LIMIT_MS = 120_000;

/** Sends a task and gives its id. */
export async function accepted(call: Caller, packet: Readonly<Record<string, unknown>>): Promise<string> {
  const reply = await call('POST', '/dispatch', { body: packet });
  if (reply.status !== 202 && reply.status !== 200) throw new Error(`It was answered with ${said(reply)}`);
  return String(reply.body.id);
}

/** Waits for a task's end, `waitSeconds` at a time. Gives how often it waited, and how long the first wait took. */
export async function ended(call: Caller, id: string, waitSeconds: number): Promise<Ended> {
  const started = performance.now();
  let firstWaitMs = 0;
  for (let waits = 1; performance.now() - started < TASK_LIMIT_MS; waits += 1) {
    const reply = await call('GET', `/task/${id}?waitSeconds=${waitSeconds}`);
    if (reply.status !== 200) throw new Error(`GET /task/${id} was answered with ${said(reply)}`);
    const task = reply.body as unknown as TaskSeen;
    firstWaitMs ||= performance.now() - started;
    if (!['waiting', 'queued', 'running'].includes(task.status)) return { task, waits, firstWaitMs };
  }
  throw new Error(`The task ${id} has not ended within ${TASK_LIMIT_MS / 1000} s`);
}

/** Says so of a task that succeeded with the wanted result in one run; throws an `Error` that says what is wrong otherwise. */
export function ranOnce({ id, status, attempts, result, error, timeline }: TaskSeen, wanted: unknown): string {
  if (status !== 'succeeded') throw new Error(`The task ${id} ended as ${status} ${error?.code ?? ''}`);
  const runs = timeline.filter(({ event }) => event === 'running').length;
  if (attempts !== 1 || runs !== 1) throw new Error(`The task ${id} ran ${runs} times, in ${attempts} attempts`);
  if (JSON.stringify(result) !== JSON.stringify(wanted)) throw new Error(`The task ${id} has the result ${JSON.stringify(result)}`);
  return 'succeeded, one run';
}
