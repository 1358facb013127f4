/**
 * Handing tasks over to agents that do not claim. Their task is claimed for them, by the same rules as any other claim, and leased
 * until its ttl; the message carries the outcome token, which they hand back with the outcome. Until the message is known to be
 * out, the task says so (`handOver`), and the sweeper sends it again: one attempt, whose message may come more than once.
 */

import { endOrSetBack } from '../agent/stopped.ts';
import { type Claim, type ClaimRequest, decideClaim } from '../claim.ts';
import type { Closers } from '../close.ts';
import { callbackId, followUp } from '../follow-ups.ts';
import { retry } from '../lease.ts';
import { SERVER_TIME } from '../ports.ts';
import type { Agent } from '../registry/agents.ts';
import { attributesOf, type RunMessage } from '../run-message.ts';
import { type Change, type Decision, decideAndWrite } from '../store.ts';
import type { Known, Task, TaskCore } from '../task.ts';

/** Whether an agent gets its tasks claimed already. */
export const isHandedOver = ({ handling }: Agent): boolean => handling.type === 'pubsub' && !handling.claims;

/** What has a task of such an agent begin as running, where nothing holds it up: for its creation. */
export function claimAtOnce(runtime: Closers, agent: Agent): (known: Known) => Change | undefined {
  const request = requestFor(runtime, agent);
  return (known) => {
    const decision = untilTtl(runtime, known.task, decideClaim(runtime, known, request));
    return 'change' in decision ? decision.change : undefined;
  };
}

/**
 * Claims a queued task for its agent, publishes it, and notes that it is out. One that has been claimed already is published again.
 * Where there is nothing to run (the price does not fit, the agent is off, somebody was quicker) nothing is published.
 */
export async function handOver(runtime: Closers, agent: Agent, run: RunMessage): Promise<void> {
  const given: Known = { id: run.taskId, version: run.version, task: run.core };
  const known = given.task.status === 'running' ? given : await claimedFor(runtime, agent, given);
  if (known === undefined) return;
  const data = JSON.stringify(handedMessage(runtime, known, run));
  await runtime.messages.publish(runtime.settings.topics.tasks, { data, attributes: attributesOf(runtime.ids, run, agent.direct) });
  await decideAndWrite(runtime, known.id, known, (current) => sent(runtime, current, known.task.epoch), undefined);
}

/** The agent protocol's run object, with the proof of the attempt: nothing in it is ours to trust again. */
function handedMessage({ signing }: Closers, { id, task }: Known, run: RunMessage) {
  const { payload, payloadRef, work, ttl, budgetCents, traceId } = run;
  return {
    taskId: id,
    agent: task.agent,
    ...(payloadRef ? { payloadRef } : { payload }),
    ...(work === undefined ? {} : { work }),
    ttl,
    budgetCents,
    idempotencyKey: callbackId(id, task.redrives),
    traceId,
    epoch: task.epoch,
    attempt: task.attempts,
    outcomeToken: signing.outcomeToken(id, task.agent, task.epoch),
  };
}

async function claimedFor(runtime: Closers, agent: Agent, known: Known): Promise<Known | undefined> {
  if (await endOrSetBack(runtime, known)) return undefined;
  const request = requestFor(runtime, agent);
  const decide = (current: Known): Decision<Claim> => untilTtl(runtime, current.task, decideClaim(runtime, current, request));
  const claim = await decideAndWrite<Claim>(runtime, known.id, known, decide, { kind: 'absent' });
  if (claim.kind === 'ended') await followUp(runtime, claim.known);
  return claim.kind === 'claimed' ? claim.known : undefined;
}

const requestFor = ({ ids }: Closers, { priceMicros }: Agent): ClaimRequest => ({
  requestId: ids.random(12),
  quoteMicros: priceMicros,
  timeLimitMs: Number.POSITIVE_INFINITY,
});

/** The same claim, leased until the ttl, since nobody renews it. */
function untilTtl({ clock, settings }: Closers, task: TaskCore, decision: Decision<Claim>): Decision<Claim> {
  if (!('change' in decision) || decision.change.set.status !== 'running') return decision;
  const { change } = decision;
  const now = clock.now();
  const lease = { leasedAt: SERVER_TIME, leaseMs: Math.max(1, task.ttl * 1000 - now), parked: true } as const;
  const wakeAt = Math.min(now + settings.times.republishMs, task.ttl * 1000 + settings.times.resultGraceMs);
  return { ...decision, change: { ...change, set: { ...change.set, ...lease, handOver: 'sending', wakeAt } } };
}

function sent({ settings }: Closers, { task }: Known, epoch: number): Decision<undefined> {
  if (!isAttempt(task, epoch) || task.handOver !== 'sending') return { answer: undefined };
  const wakeAt = task.ttl * 1000 + settings.times.resultGraceMs;
  return { change: { set: { handOver: 'sent', wakeAt }, remove: ['wakeDelayMs'] }, gives: () => undefined };
}

/**
 * Gives back a task whose message the agent never took, or that went to an agent which claims by now: another attempt, or the end
 * of the last one. Nothing ran, so it costs nothing. Returns whether it is queued again.
 */
export async function takeBack(runtime: Closers, known: Known<Task>, epoch: number, by: string): Promise<Known | undefined> {
  if (!isAttempt(known.task, epoch) || known.task.handOver === undefined) return undefined;
  const error = { code: 'agent_unreachable', message: `Agent ${known.task.agent} did not take the task from any delivery.` };
  const answer = await retry(runtime, known.id, epoch, { error, costMicros: 0, by }, known);
  return answer.kind === 'queued' ? answer.known : undefined;
}

const isAttempt = ({ status, epoch }: TaskCore, wanted: number): boolean => status === 'running' && epoch === wanted;
