/**
 * `POST /orchestrate`: any intent through one endpoint. A job is a task, seen through this interface: the intent names the agent,
 * the inputs are the payload, and the run that did not end in time goes on as it is.
 */

import * as z from 'zod';
import type { Caller } from '../../core/authenticate.ts';
import { checked, invalidFields } from '../../core/http.ts';
import { chooseMode } from '../../core/intents/choose-mode.ts';
import { agentNameOf, type Intent, type IntentMode, intentOf, MODES } from '../../core/intents/intents.ts';
import { jobAnswer } from '../../core/intents/job-view.ts';
import { TOOLS } from '../../core/intents/tool-terms.ts';
import { jsonObject } from '../../core/packet.ts';
import type { Runtime } from '../../core/runtime.ts';
import type { Job, JsonObject } from '../../core/task.ts';
import { dispatchPacket } from '../post-dispatch.ts';
import { fullTask } from '../task-view.ts';
import { clearance } from './clearance.ts';
import { implicitKey, onceADay } from './job-keys.ts';

const MAX_TRACE_BYTES = 1_024;
const ATTEMPTS = 3;

/** The body of `POST /orchestrate`. */
export const orchestrateBody = z.strictObject({
  intent: z.string().min(1).max(200),
  inputs: jsonObject.default({}),
  mode: z.enum(['auto', ...MODES]).default('auto'),
  callback_url: z.string().max(2_048).refine(URL.canParse, 'is not a URL').optional(),
  /** Sent along: an id, or an object with whatever the flow's own tracing needs. */
  trace: z
    .union([z.string().min(1).max(200), jsonObject])
    .refine(
      (trace) => Buffer.byteLength(JSON.stringify(trace)) <= MAX_TRACE_BYTES,
      `is larger than ${MAX_TRACE_BYTES} bytes of JSON`,
    )
    .optional(),
  idempotency_key: z.string().min(1).max(500).optional(),
});

export interface Orchestrated {
  readonly status: 200 | 202;
  readonly answer: JsonObject;
  readonly replayed: boolean;
  readonly taskId: string;
}

/**
 * Runs an intent, and waits for it at most `times.orchestrateWaitMs`: 200 with its result, else 202 with its job, whose run goes on.
 * What only reads is run each time; all else once in 24 hours for the same inputs, or the same `idempotency_key`.
 * `onCreated` is told of a new job before it runs.
 * Throws `Problem` 422 `invalid_fields`, `intent_not_found`, `idempotency_key_reused`, 403 `not_cleared`, and what `postDispatch` throws.
 */
export async function orchestrate(
  runtime: Runtime,
  caller: Caller,
  given: unknown,
  onCreated?: (taskId: string) => void,
): Promise<Orchestrated> {
  const asked = checked(orchestrateBody, given);
  const { intent, why } = await intentFor(runtime, caller, asked);
  const { inputs, trace, callback_url: callbackUrl, idempotency_key: explicit } = asked;
  const job: Job = {
    intent: intent.name,
    mode: intent.mode,
    why,
    ...(trace === undefined ? {} : { trace }),
    ...clearance(runtime, caller, intent, inputs),
  };
  const traceId = typeof trace === 'string' ? trace : trace?.trace_id;
  const packet = {
    agent: agentNameOf(intent),
    mode: 'http',
    payload: inputs,
    // What was done cannot be told from what was not: another attempt might do it again.
    maxAttempts: intent.dangerous ? 1 : ATTEMPTS,
    ...(callbackUrl === undefined ? {} : { callbackUrl }),
    ...(typeof traceId === 'string' && traceId !== '' ? { traceId } : {}),
  };
  const waitMs = runtime.settings.times.orchestrateWaitMs;
  const key = explicit ?? (onlyReads(intent) ? undefined : implicitKey(asked.intent, inputs));
  const dispatched = await onceADay(runtime, caller.tenant, { key, isExplicit: explicit !== undefined, packet }, (once) =>
    dispatchPacket(runtime, caller, packet, { job, waitMs, onCreated, ...once }),
  );
  const task = await fullTask(runtime, caller, dispatched.id);
  return {
    status: dispatched.status,
    answer: jobAnswer(dispatched.id, task),
    replayed: dispatched.replayed,
    taskId: dispatched.id,
  };
}

async function intentFor(
  runtime: Runtime,
  { tenant }: Caller,
  { intent: name, mode }: z.output<typeof orchestrateBody>,
): Promise<{ readonly intent: Intent; readonly why: string }> {
  const find = (one: IntentMode) => intentOf(runtime, tenant, name, one);
  if (mode === 'auto') {
    const chosen = await chooseMode(name, find);
    if (chosen !== undefined) return chosen;
  } else {
    const intent = await find(mode);
    if (intent !== undefined) return { intent, why: `${mode}, as it was asked for` };
  }
  const message = `names no intent${mode === 'auto' ? '' : ` of mode ${mode}`}: GET /intents lists what there is, PUT /intents/{name} adds one`;
  throw invalidFields([{ field: 'intent', code: 'intent_not_found', message }]);
}

const onlyReads = ({ mode, name }: Intent): boolean => mode === 'agent' && TOOLS[name as keyof typeof TOOLS]?.reads === true;
