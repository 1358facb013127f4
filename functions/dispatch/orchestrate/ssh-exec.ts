/** `POST /api/v1/ssh/exec`: `ssh.exec` as a request of its own, which holds its answer until the command has ended. */

import * as z from 'zod';
import type { Caller } from '../../core/authenticate.ts';
import { Problem } from '../../core/errors.ts';
import { checked } from '../../core/http.ts';
import { agentNameOf, type Intent, intentOf } from '../../core/intents/intents.ts';
import { jobAnswer } from '../../core/intents/job-view.ts';
import type { Runtime } from '../../core/runtime.ts';
import { allowedExec } from '../../core/ssh/allowed.ts';
import { isEnded, type JsonObject, type Task } from '../../core/task.ts';
import { dispatchPacket } from '../post-dispatch.ts';
import { fullTask } from '../task-view.ts';
import { clearance } from './clearance.ts';

/** Beyond the command's own time: for the job, and for what ends at its limit to say so. */
const MARGIN_MS = 10_000;

/** The body of `POST /api/v1/ssh/exec`. `confirm` is the `confirm_dangerous` of `/orchestrate`. */
export const sshExecBody = z.strictObject({
  host: z.string().min(1).max(253),
  cmd: z.string().min(1).max(4_096),
  timeout_sec: z.number().min(1).max(30).default(10),
  confirm: z.boolean().default(false),
});

/**
 * Runs a command on a host, each time that it is asked to: `{host, command, stdout, stderr, exit_code, duration_ms, truncated?}`; without
 * `confirm` the dry run of `ssh.exec`. A job that has not ended by then, as one that waits for an approval, is answered with 202 as
 * `/orchestrate` does. Throws `Problem` 403 `host_not_allowed`, `command_refused`, `not_cleared`, with no job made; 408 `timeout`, 502
 * with the code of the failure, 409 `cancelled`, and what `postDispatch` throws.
 */
export async function sshExec(
  runtime: Runtime,
  caller: Caller,
  given: unknown,
): Promise<{ readonly status: 200 | 202; readonly answer: unknown }> {
  const { host, cmd: command, timeout_sec, confirm } = checked(sshExecBody, given);
  allowedExec(runtime.settings, { host, command });
  const intent = (await intentOf(runtime, caller.tenant, 'ssh.exec', 'agent')) as Intent;
  const payload = { host, command, timeout_sec, ...(confirm ? { confirm_dangerous: true } : {}) };
  const packet = { agent: agentNameOf(intent), mode: 'http', payload, maxAttempts: 1 };
  const { id } = await dispatchPacket(runtime, caller, packet, {
    job: {
      intent: intent.name,
      mode: 'agent',
      why: 'agent, as POST /api/v1/ssh/exec says',
      ...clearance(runtime, caller, intent, payload),
    },
    waitMs: timeout_sec * 1000 + MARGIN_MS,
  });
  const task = await fullTask(runtime, caller, id);
  if (!isEnded(task.status)) return { status: 202, answer: jobAnswer(id, task) };
  if (task.status === 'succeeded') return { status: 200, answer: task.result as JsonObject };
  throw problemOf(task);
}

function problemOf({ status, error }: Task): Problem {
  const { code, message } = error ?? { code: 'failed', message: 'The command could not be run.' };
  const statuses: Readonly<Record<string, number>> = {
    timeout: 408,
    host_not_allowed: 403,
    command_refused: 403,
    invalid_inputs: 422,
    budget_exceeded: 402,
    ssh_key_missing: 503,
  };
  return new Problem(status === 'cancelled' ? 409 : (statuses[code] ?? 502), code, message);
}
