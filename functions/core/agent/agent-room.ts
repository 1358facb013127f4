/** An agent as a function: `POST /run` answers the caller, `POST /pubsub/push` answers Pub/Sub. One way of running behind both. */

import type { IncomingMessage } from 'node:http';
import type { Request, Response, Router } from 'router';
import { centsFromMicros } from '../budgets/money.ts';
import { Problem } from '../errors.ts';
import { jsonBytes, room, send } from '../http.ts';
import { type Flaw, type Incoming, openEnvelope, type PushMessage } from '../push-gate.ts';
import { type Outcome, SIGNATURE } from '../run-message.ts';
import type { Room, Runtime } from '../runtime.ts';
import type { Attempt, Claimed, TaskProtocol } from './protocol.ts';
import { type Ran, runAttempt } from './run-attempt.ts';

export interface AgentRoom {
  readonly protocol: TaskProtocol;
  /** Verifies the caller of a path. Throws `Problem` 401. */
  admit(request: IncomingMessage, path: '/run' | '/pubsub/push'): Promise<void>;
  /** Keeps a message that can never be processed. */
  quarantine(incoming: Incoming, flaw: Flaw): Promise<void>;
  readonly dependsOn: readonly string[];
  /** What it answers beside these two, each with a check of its caller. */
  readonly routes?: (router: Router) => void;
}

type ToRun = Extract<Claimed, { kind: 'claimed' }>;
type AgentRuntime = Pick<Runtime, 'name' | 'version' | 'settings' | 'clock' | 'log'>;

export function agentRoom(runtime: AgentRuntime, parts: AgentRoom): Room {
  const { runMaximumMs } = runtime.settings.times;
  return room(runtime, parts.dependsOn, (router) => {
    router.post('/pubsub/push', async (request: Request, response: Response) => {
      await parts.admit(request, '/pubsub/push');
      const incoming = await openEnvelope(request);
      const claimed = await parts.protocol.claim(incoming);
      if (claimed.kind === 'later' && !claimed.adopted)
        throw new Problem(503, 'not_yet', 'The pause before the next attempt is not over.', { retryAfterSeconds: 1 });
      if (claimed.kind === 'quarantined') await parts.quarantine(incoming, claimed);
      if (claimed.kind === 'claimed') await pushed(claimed);
      response.writeHead(204).end();
    });

    router.post('/run', async (request: Request, response: Response) => {
      await parts.admit(request, '/run');
      const incoming = { message: await runMessageOf(request) };
      const claimed = await parts.protocol.claim(incoming);
      const outcome = claimed.kind === 'claimed' ? await answered(claimed) : await unclaimed(claimed);
      reply(response, claimed, outcome);
    });
    parts.routes?.(router);
  });

  function run({ attempt, agent }: ToRun): Promise<Ran> {
    return runAttempt(runtime, agent, parts.protocol, attempt, Math.min(agent.timeLimitMs, runMaximumMs));
  }

  async function pushed(claimed: ToRun): Promise<void> {
    const { attempt, adopted } = claimed;
    const ran = await run(claimed);
    if (ran.kind === 'parked') await parts.protocol.park(attempt);
    if (ran.kind !== 'outcome') return;
    const { outcome } = ran;
    if (outcome.status !== 'retry') return parts.protocol.report(attempt, outcome);
    // The task of an adopted message is published anew by the sweeper, under its own id.
    if ((await retried(attempt, outcome)) === 'queued' && !adopted)
      throw new Problem(503, outcome.error?.code ?? 'retry', outcome.error?.message ?? 'To be tried again.');
  }

  async function answered(claimed: ToRun): Promise<Outcome> {
    const { attempt } = claimed;
    const ran = await run(claimed);
    if (ran.kind === 'parked') {
      await parts.protocol.park(attempt);
      throw new Problem(409, 'parked', 'The agent has accepted the task and will report its outcome later.');
    }
    if (ran.kind !== 'outcome') throw new Problem(409, 'lease_lost', 'Another attempt has taken this task over.');
    if (ran.outcome.status === 'retry') await retried(attempt, ran.outcome);
    else await parts.protocol.conclude(attempt, ran.outcome);
    return ran.outcome;
  }

  function retried(attempt: Attempt, { error, costMicros, retryAfterMs }: Outcome): Promise<'queued' | 'ended'> {
    const failure = error ?? { code: 'retry', message: 'The agent asked for another attempt.' };
    return parts.protocol.retry(attempt, { error: failure, costMicros, retryAfterMs });
  }

  async function unclaimed(claimed: Exclude<Claimed, { kind: 'claimed' }>): Promise<Outcome> {
    if (claimed.kind === 'later')
      throw new Problem(503, 'not_yet', 'The pause before the next attempt is not over.', { retryAfterSeconds: 1 });
    if (claimed.kind === 'quarantined') throw new Problem(REFUSALS[claimed.code] ?? 422, claimed.code, claimed.reason);
    const outcome = await parts.protocol.outcome(claimed.taskId);
    if (outcome === undefined) throw new Problem(409, 'already_claimed', 'This task is running elsewhere, or not to be run now.');
    return outcome;
  }

  /** The agent protocol's answers: 200 with the result, or a problem document whose status says what kind of failure it was. */
  function reply(response: Response, claimed: Claimed, outcome: Outcome): void {
    if (outcome.status !== 'succeeded') throw failed(outcome);
    const result = outcome.result ?? null;
    const costMicros =
      claimed.kind === 'claimed'
        ? Math.min(outcome.costMicros ?? Infinity, claimed.attempt.quoteMicros)
        : (outcome.costMicros ?? 0);
    const taskId = claimed.kind === 'claimed' ? claimed.attempt.taskId : 'taskId' in claimed ? claimed.taskId : undefined;
    send(response, 200, { status: 'succeeded', result, costCents: centsFromMicros(costMicros), taskId });
  }
}

const REFUSALS: Readonly<Record<string, number>> = { unknown_task: 404, invalid_json: 400, budget_exceeded: 402 };
const STATUS_BY_CODE: Readonly<Record<string, number>> = { budget_exceeded: 402, ttl_expired: 410 };

function failed({ status, error, retryAfterMs = 1_000 }: Outcome): Problem {
  const code = error?.code ?? status;
  return new Problem(
    status === 'retry' ? 503 : (STATUS_BY_CODE[code] ?? (status === 'cancelled' ? 409 : 422)),
    code,
    error?.message ?? status,
    status === 'retry' ? { retryAfterSeconds: Math.max(1, Math.ceil(retryAfterMs / 1_000)) } : {},
  );
}

/** A `/run` request in the shape of a message; the signature travels in a header. */
async function runMessageOf(request: IncomingMessage): Promise<PushMessage> {
  const signature = request.headers['x-heliograph-signature'];
  const attributes: Record<string, string> = typeof signature === 'string' ? { [SIGNATURE]: signature } : {};
  return { messageId: '', data: await jsonBytes(request), attributes, publishTime: 0, subscription: '/run', deliveryAttempt: 1 };
}
