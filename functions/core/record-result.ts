/** A message on `results`: one outcome of one attempt. With a valid signature the task is closed by one write, without a read. */

import * as z from 'zod';
import { carriable } from './claim-check.ts';
import { type Closers, close } from './close.ts';
import { resultSchema } from './json-value.ts';
import { retry } from './lease.ts';
import { type Incoming, jsonOf, type PushMessage } from './push-gate.ts';
import { quarantine } from './quarantine.ts';
import { type ResultMessage, SIGNATURE } from './run-message.ts';
import type { Runtime } from './runtime.ts';
import { readTask } from './store.ts';
import type { Known } from './task.ts';

/** What an agent without the signing key may publish; the outcome token is its proof. */
const foreignResult = z.object({
  taskId: z.string().min(1).max(200),
  epoch: z.int().min(1),
  outcomeToken: z.string().max(300),
  outcome: z.object({
    status: z.enum(['succeeded', 'failed', 'expired', 'cancelled', 'retry']),
    result: resultSchema.optional(),
    error: z.object({ code: z.string().min(1).max(100), message: z.string().max(10_000) }).optional(),
    costMicros: z.int().min(0).optional(),
    retryAfterMs: z.number().min(0).optional(),
    endedAt: z.number().positive().optional(),
  }),
});

type Recorders = Closers & Pick<Runtime, 'objects'>;

/** Records an outcome, or quarantines what can never be recorded. Throws what should be delivered again. */
export async function recordResult(runtime: Recorders, incoming: Incoming): Promise<void> {
  const { message } = incoming;
  const refuse = (code: string, reason: string) => quarantine(runtime, message, { code, reason });
  const parsed = jsonOf(incoming);
  if ('reason' in parsed) return quarantine(runtime, message, parsed);
  // A message of another topic may be signed as well, and is no result.
  const signed =
    typeof (parsed.value as Partial<ResultMessage> | null)?.outcomeToken === 'string' &&
    runtime.signing.messageValid(message.data, message.attributes[SIGNATURE]);
  const checked = signed ? undefined : foreignResult.safeParse(parsed.value);
  if (checked?.success === false) return refuse('invalid_result', z.prettifyError(checked.error).slice(0, 1_000));
  const result = (checked?.data ?? parsed.value) as ResultMessage;
  if (!runtime.signing.outcomeTokenValid(result.outcomeToken, result.taskId, result.epoch)) {
    return refuse('wrong_outcome_token', 'The outcome token does not belong to this attempt.');
  }
  const recorded = await (signed
    ? record(runtime, result, knownOf(result))
    : recordForeign(runtime, result, publishedAt(message) ?? runtime.clock.now()));
  if (recorded.kind === 'absent') await refuse('unknown_task', `There is no task ${result.taskId}.`);
}

const knownOf = ({ taskId, version, core }: ResultMessage): Known | undefined =>
  version !== undefined && core !== undefined ? { id: taskId, version, task: core } : undefined;

/** Nobody has put a large result of theirs into storage yet, or said that the run ended: it had, when this was published. */
async function recordForeign(runtime: Recorders, result: ResultMessage, publishedAt: number): Promise<Recorded> {
  const known = await readTask(runtime, result.taskId);
  if (known === undefined) return { kind: 'absent' };
  const outcome = await carriable(runtime, known.task.tenant, result.taskId, result.outcome);
  const endedAt = Math.min(outcome.endedAt ?? publishedAt, publishedAt);
  return record(runtime, { ...result, outcome: { ...outcome, endedAt } }, known);
}

/** When a message was first published: a dead letter says so. */
function publishedAt({ attributes, publishTime }: PushMessage): number | undefined {
  const first = Date.parse(attributes.CloudPubSubDeadLetterSourceTopicPublishTime ?? '');
  return first || publishTime || undefined;
}

type Recorded = { readonly kind: string };

function record(runtime: Recorders, { taskId, epoch, outcome }: ResultMessage, known: Known | undefined): Promise<Recorded> {
  if (outcome.status === 'retry') {
    const error = outcome.error ?? { code: 'retry', message: 'The agent asked for another attempt.' };
    return retry(runtime, taskId, epoch, { ...outcome, error }, known);
  }
  return close(runtime, taskId, { ...outcome, status: outcome.status }, epoch, known);
}
