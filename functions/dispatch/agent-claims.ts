/** Claims over HTTPS: the way to the store for users' agents, which prove themselves with their own ID token. */

import type { IncomingMessage } from 'node:http';
import * as z from 'zod';
import { functionUrl } from '../core/addresses.ts';
import { adopt } from '../core/adopt.ts';
import { attemptOf, type Given } from '../core/agent/attempt.ts';
import { endOrSetBack } from '../core/agent/stopped.ts';
import { isWholeMicros, microsFromCents } from '../core/budgets/money.ts';
import { type Claim, claim } from '../core/claim.ts';
import { payloadOf } from '../core/claim-check.ts';
import { Problem } from '../core/errors.ts';
import { checked, jsonBody } from '../core/http.ts';
import { renew } from '../core/lease.ts';
import { bearerToken, verifyIdToken } from '../core/push.ts';
import { parsedData } from '../core/push-gate.ts';
import type { Agent } from '../core/registry/agents.ts';
import { agentOf } from '../core/registry/registry.ts';
import { abortOf } from '../core/registry/switches.ts';
import type { Runtime } from '../core/runtime.ts';
import { readTask } from '../core/store.ts';
import type { JsonObject, Known } from '../core/task.ts';
import { notFound } from './task-view.ts';

const terms = {
  agent: z.string().max(63),
  requestId: z.string().min(16).max(64),
  quoteCents: z.number().min(0).refine(isWholeMicros, 'has a fraction below a micro-dollar'),
  timeLimitMs: z.number().positive(),
};

/** The body of `POST /task/{id}/claim`. */
export const claimBody = z.strictObject(terms);

/** The body of `POST /task/adopt`. */
export const adoptBody = z.strictObject({
  ...terms,
  message: z.strictObject({
    /** Empty for a `/run` request. */
    messageId: z.string().max(200),
    data: z.base64(),
    attributes: z.record(z.string(), z.string()),
    publishTime: z.number().min(0),
  }),
});

/** The body of `POST /task/{id}/renew`. */
export const renewBody = z.strictObject({ epoch: z.int().min(1), outcomeToken: z.string().max(300) });

/** The body of `POST /task/{id}/check`. */
export const checkBody = renewBody.extend({ tenant: z.string().min(1).max(320) });

/** `POST /task/{id}/claim`: `{kind: "claimed", attempt}`, or `acknowledge`, `later`, `ended`. Throws `Problem` 401, 403, 404. */
export async function postClaim(runtime: Runtime, request: IncomingMessage, id: string): Promise<JsonObject> {
  const verified = await agentToken(runtime, request);
  const body = checked(claimBody, await jsonBody(request));
  const everybodys = runtime.agents.find(body.agent);
  if (everybodys !== undefined) entitled(everybodys, body.agent, verified.email);
  const known = await readTask(runtime, id);
  const agent = everybodys ?? (await registeredOf(runtime, known, body.agent, verified.email));
  if (known === undefined || known.task.agent !== agent.name) throw notFound(id);
  if (await endOrSetBack(runtime, known)) return { kind: 'ended', taskId: id };
  const payload = await payloadOf(runtime, known.task);
  const wanted = requestOf(runtime, agent, body);
  return reply(runtime, await claim(runtime, id, wanted, known), { payload, work: known.task.work }, wanted.quoteMicros);
}

/** `POST /task/adopt`: the same for a message published straight to the topic, which becomes a task by it. */
export async function postAdopt(runtime: Runtime, request: IncomingMessage): Promise<JsonObject> {
  const verified = await agentToken(runtime, request);
  const body = checked(adoptBody, await jsonBody(request));
  // A registered agent is published nothing that is no task yet.
  const agent = entitled(runtime.agents.find(body.agent), body.agent, verified.email);
  const message = { ...body.message, data: Buffer.from(body.message.data, 'base64'), subscription: agent.name, deliveryAttempt: 1 };
  const value = parsedData(message.data)?.value;
  const named = (value as { agent?: unknown } | null | undefined)?.agent ?? message.attributes.agent;
  // Left unacknowledged, it gets to the dead letters, which may create tasks for any agent.
  if (named !== agent.name) throw new Problem(422, 'agent_mismatch', `The message is for another agent than ${agent.name}.`);
  const adopted = await adopt(
    runtime,
    message,
    value,
    (one) => one.name === agent.name,
    () => requestOf(runtime, agent, body),
  );
  if (adopted.kind === 'acknowledge') return { kind: 'acknowledge' };
  if (adopted.kind === 'quarantined') throw new Problem(422, adopted.code, adopted.reason);
  return reply(runtime, adopted.claim, adopted, adopted.quoteMicros);
}

/** `POST /task/{id}/renew`: `{status: "held", cancelRequested}`. Throws `Problem` 401 for a wrong token, 409 `lease_lost`. */
export async function postRenew(runtime: Runtime, id: string, given: unknown): Promise<JsonObject> {
  const { epoch, outcomeToken } = checked(renewBody, given);
  if (!runtime.signing.outcomeTokenValid(outcomeToken, id, epoch)) throw wrongToken();
  const renewal = await renew(runtime, id, epoch);
  if (renewal.kind === 'lost') throw new Problem(409, 'lease_lost', 'Another attempt has taken this task over, or it has ended.');
  return { status: 'held', cancelRequested: renewal.known.task.cancelRequested === true };
}

/**
 * `POST /task/{id}/check`: `{status: "held"}`, or `stopped` with the error when the attempt's agent was switched off or removed,
 * or everything was stopped. Reads no task, so that it can be asked often; a tenant that is not the task's gets that tenant's
 * answer, which says no more than what a task of its own would. Throws `Problem` 401 for a wrong token.
 */
export async function postCheck(runtime: Runtime, id: string, given: unknown): Promise<JsonObject> {
  const { epoch, outcomeToken, tenant } = checked(checkBody, given);
  if (!runtime.signing.outcomeTokenValid(outcomeToken, id, epoch)) throw wrongToken();
  const error = await abortOf(runtime, tenant, outcomeToken.slice(0, outcomeToken.lastIndexOf('.')));
  return error === undefined ? { status: 'held' } : { status: 'stopped', error };
}

/** 401, for whoever has no proof of being the attempt. */
export const wrongToken = (): Problem => new Problem(401, 'unauthenticated', 'The outcome token does not belong to this attempt.');

/** Whether a request carries the ID token of one of the agents. */
export async function isAgent(runtime: Runtime, request: IncomingMessage): Promise<boolean> {
  const verified = await agentToken(runtime, request).catch(() => undefined);
  return verified !== undefined && runtime.agents.names.some((name) => runtime.agents.find(name)?.email === verified.email);
}

async function agentToken(runtime: Runtime, request: IncomingMessage): Promise<{ email: string }> {
  const expected = { issuer: runtime.settings.oidc.issuer, audience: functionUrl(runtime.settings, runtime.name) };
  return verifyIdToken(bearerToken(request.headersDistinct), expected, runtime.tokenKeys, runtime.clock.now());
}

/** An agent may claim its own tasks alone. */
function entitled(agent: Agent | undefined, name: string, email: string): Agent {
  if (agent?.email === undefined || agent.email !== email)
    throw new Problem(403, 'forbidden', `${email} may not claim for the agent ${name}.`);
  return agent;
}

/** A tenant's agent, for its own tenant's tasks; whoever is not entitled does not learn whether there is such a task. */
async function registeredOf(runtime: Runtime, known: Known | undefined, name: string, email: string): Promise<Agent> {
  const isIts = known?.task.agent === name;
  return entitled(isIts ? await agentOf(runtime, known.task.tenant, name) : undefined, name, email);
}

/** The price of a registered agent is that of its registration, whatever it says now. */
function requestOf(runtime: Runtime, agent: Agent, body: { requestId: string; quoteCents: number; timeLimitMs: number }) {
  const timeLimitMs = Math.min(body.timeLimitMs, agent.timeLimitMs, runtime.settings.times.runMaximumMs);
  const quoteMicros = agent.handling.type === 'pubsub' ? agent.priceMicros : microsFromCents(body.quoteCents);
  return { requestId: body.requestId, quoteMicros, timeLimitMs };
}

function reply(runtime: Runtime, claimed: Claim, given: Given, quoteMicros: number): JsonObject {
  if (claimed.kind === 'absent') throw notFound('');
  if (claimed.kind !== 'claimed') return { kind: claimed.kind, taskId: claimed.known.id };
  const { known: _, ...attempt } = attemptOf(runtime.signing, claimed.known, given, quoteMicros);
  return { kind: 'claimed', attempt };
}
