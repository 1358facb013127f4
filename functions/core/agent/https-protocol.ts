/** The task protocol of users' agents: everything through `dispatch` over HTTPS, with the agent's own ID token. */

import { functionUrl } from '../addresses.ts';
import { centsFromMicros } from '../budgets/money.ts';
import { Problem, TerminalError } from '../errors.ts';
import { type Incoming, jsonOf, parsedData } from '../push-gate.ts';
import type { Outcome } from '../run-message.ts';
import type { Runtime } from '../runtime.ts';
import type { JsonObject, TaskError } from '../task.ts';
import { onward } from '../trace.ts';
import type { DefinedAgent } from './define-agent.ts';
import type { Attempt, Claimed, TaskProtocol } from './protocol.ts';

type Caller = Pick<Runtime, 'settings' | 'egress' | 'identity' | 'ids' | 'clock' | 'log'>;

const TIME_LIMIT_MS = 20_000;
const MAX_REPLY_BYTES = 32 * 1024 * 1024;

/** `agent` has the name by which `dispatch` knows it. */
export function httpsProtocol(runtime: Caller, agent: DefinedAgent): TaskProtocol {
  const dispatchUrl = functionUrl(runtime.settings, 'dispatch');
  return {
    async claim(incoming) {
      const { quoteMicros: quote, timeLimitMs } = agent;
      const parsed = jsonOf(incoming);
      if ('reason' in parsed) return { kind: 'quarantined', ...parsed };
      const run = (typeof parsed.value === 'object' ? parsed.value : null) as {
        taskId?: unknown;
        agent?: unknown;
        payload?: unknown;
      } | null;
      const taskId = typeof run?.taskId === 'string' ? run.taskId : undefined;
      const payload = (run !== null && Object.hasOwn(run, 'payload') ? run.payload : run) as JsonObject;
      const offer = {
        agent: agent.name,
        requestId: runtime.ids.random(12),
        quoteCents: quotedCents(quote, payload ?? {}),
        timeLimitMs,
      };
      const reply =
        taskId === undefined
          ? await call('/task/adopt', { ...offer, message: adoptable(incoming) })
          : await call(`/task/${encodeURIComponent(taskId)}/claim`, offer);
      const claimed = { ...claimedFrom(reply, agent, taskId ?? ''), adopted: taskId === undefined };
      if (claimed.kind !== 'claimed') return claimed;
      const error = unfit(claimed.attempt, quote);
      if (error === undefined) return claimed;
      await conclude(claimed.attempt, { status: 'failed', error, costMicros: 0 });
      return { kind: 'ended', taskId: claimed.attempt.taskId };
    },

    async renew(attempt) {
      const reply = await call(`/task/${attempt.taskId}/renew`, proof(attempt));
      if (reply.status === 409 || reply.status === 404) return 'lost';
      return expectOk(reply).cancelRequested === true ? 'cancel' : 'held';
    },

    watchStop(attempt, onStop) {
      const periodMs = runtime.settings.times.switchesMs;
      let cancel = runtime.clock.after(periodMs, look);
      return () => cancel();

      async function look(): Promise<void> {
        cancel = runtime.clock.after(periodMs, look);
        try {
          const body = expectOk(await call(`/task/${attempt.taskId}/check`, { ...proof(attempt), tenant: attempt.tenant }));
          if (body.status === 'stopped') onStop(body.error as TaskError);
        } catch (error) {
          runtime.log.warn({ err: error, taskId: attempt.taskId }, 'Whether a run may go on could not be asked.');
        }
      }
    },

    async park(attempt) {
      expectOk(await call(`/task-update/${attempt.taskId}`, { ...proof(attempt), parked: true }));
    },

    async note(attempt, text) {
      expectOk(await call(`/task-update/${attempt.taskId}`, { ...proof(attempt), note: text }));
    },

    report: conclude,
    conclude,

    async retry(attempt, failure) {
      const reply = expectOk(
        await call(`/task-update/${attempt.taskId}`, { ...proof(attempt), outcome: outcomeBody({ status: 'retry', ...failure }) }),
      );
      return reply.status === 'queued' ? 'queued' : 'ended';
    },

    outcome: async () => undefined,
  };

  async function conclude(attempt: Attempt, outcome: Outcome): Promise<void> {
    expectOk(await call(`/task-update/${attempt.taskId}`, { ...proof(attempt), outcome: outcomeBody(outcome) }));
  }

  async function call(path: string, body: JsonObject): Promise<{ status: number; body: JsonObject }> {
    const token = await runtime.identity.idToken(dispatchUrl);
    const reply = await runtime.egress.request({
      url: dispatchUrl + path,
      trust: 'operator',
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        authorization: `Bearer ${token}`,
        // Where IAM guards dispatch, Cloud Run checks this one, and leaves the other its signature.
        'x-serverless-authorization': `Bearer ${token}`,
        ...onward(runtime.ids),
      },
      body: JSON.stringify(body),
      timeoutMs: TIME_LIMIT_MS,
      maxBytes: MAX_REPLY_BYTES,
    });
    return { status: reply.status, body: (parsedData(reply.body)?.value ?? {}) as JsonObject };
  }
}

type Quote = (payload: JsonObject) => number;

const proof = ({ epoch, outcomeToken }: Attempt) => ({ epoch, outcomeToken });

const adoptable = ({ message }: Incoming) => ({
  messageId: message.messageId,
  data: message.data.toString('base64'),
  attributes: message.attributes,
  publishTime: message.publishTime,
});

function outcomeBody({ costMicros, ...outcome }: Outcome): JsonObject {
  return { ...outcome, ...(costMicros === undefined ? {} : { costCents: centsFromMicros(costMicros) }) };
}

function expectOk(reply: { status: number; body: JsonObject }): JsonObject {
  if (reply.status >= 200 && reply.status < 300) return reply.body;
  throw new Problem(
    502,
    'dispatch_refused',
    `Dispatch answered ${reply.status} ${String(reply.body.code ?? '')}: ${String(reply.body.detail ?? '')}`,
  );
}

/** What a claim's answer means. */
function claimedFrom(reply: { status: number; body: JsonObject }, agent: DefinedAgent, taskId: string): Claimed {
  const { kind } = reply.body;
  if (reply.status === 404 || reply.status === 422)
    return { kind: 'quarantined', code: String(reply.body.code), reason: String(reply.body.detail) };
  const body = expectOk(reply);
  if (kind === 'later') return { kind: 'later' };
  if (kind === 'acknowledge' || kind === 'ended') return { kind, taskId };
  return { kind: 'claimed', attempt: body.attempt as unknown as Attempt, agent };
}

/** The price before the claim; what cannot be priced is claimed for nothing and then not run. */
function quotedCents(quote: Quote, payload: JsonObject): number {
  try {
    return centsFromMicros(quote(payload));
  } catch {
    return 0;
  }
}

/** Why a claimed task must not be run after all: the stored payload has no price, or a higher one than the message's had. */
function unfit(attempt: Attempt, quote: Quote): TaskError | undefined {
  try {
    if (quote(attempt.payload) <= attempt.quoteMicros) return undefined;
    return { code: 'quote_changed', message: 'The stored payload costs more than the one in the message; it was not run.' };
  } catch (error) {
    return { code: error instanceof TerminalError ? error.code : 'unpriceable', message: (error as Error).message };
  }
}
