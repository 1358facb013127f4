/**
 * Adoption: a message published straight to `tasks`, or a `/run` without a task, becomes a task, by the same checks as
 * `/dispatch`. It is created already running, under the id of its idempotency key, else of its message.
 */

import { type Claim, type ClaimRequest, claim, decideClaim } from './claim.ts';
import type { Closers } from './close.ts';
import { createTask, keyedId } from './create.ts';
import { Problem, TerminalError } from './errors.ts';
import { followUp } from './follow-ups.ts';
import { checked } from './http.ts';
import { packetSchema, timed } from './packet.ts';
import type { PushMessage } from './push-gate.ts';
import type { Runtime } from './runtime.ts';
import { isEnded, type JsonObject, type Known } from './task.ts';

export type Adopted =
  | { readonly kind: 'adopted'; readonly claim: Claim; readonly payload: JsonObject; readonly quoteMicros: number }
  | { readonly kind: 'acknowledge' }
  | { readonly kind: 'quarantined'; readonly code: string; readonly reason: string };

type Adopters = Closers & Pick<Runtime, 'ids' | 'objects' | 'agents'>;

/** Adopts what a message holds. `serves` tells which agents run here; `request` makes the claim for an agent and payload. */
export async function adopt(
  runtime: Adopters,
  message: PushMessage,
  value: unknown,
  serves: (agent: string) => boolean,
  request: (agent: string, payload: JsonObject) => ClaimRequest,
): Promise<Adopted> {
  try {
    const packet = admitted(runtime, message, value);
    if (!serves(packet.agent)) {
      const agent = runtime.agents.find(packet.agent);
      return agent?.direct
        ? { kind: 'acknowledge' }
        : { kind: 'quarantined', code: 'agent_not_found', reason: `Agent ${packet.agent} not found` };
    }
    return await created(runtime, message, packet, request(packet.agent, packet.payload));
  } catch (error) {
    const permanent = error instanceof TerminalError || (error instanceof Problem && error.status < 500);
    if (!permanent) throw error;
    return { kind: 'quarantined', code: error.code, reason: error.message };
  }
}

type Admitted = ReturnType<typeof admitted>;

/**
 * The packet that a message holds: an object with a `payload` key is a full run object, anything else is the payload.
 * Throws `Problem` 422 when it is not admissible.
 */
export function admitted(runtime: Pick<Runtime, 'clock'>, message: PushMessage, value: unknown) {
  const full =
    typeof value === 'object' && value !== null && Object.hasOwn(value, 'payload') ? (value as JsonObject) : { payload: value };
  const { agent, traceId, idempotencyKey } = message.attributes;
  const packet = checked(packetSchema, {
    mode: 'pubsub',
    agent: agent ?? 'light',
    ...(traceId ? { traceId } : {}),
    ...(idempotencyKey ? { idempotencyKey } : {}),
    ...full,
  });
  const admittedPacket = timed(packet, message.publishTime || runtime.clock.now());
  if ('rule' in admittedPacket) throw new Problem(422, 'invalid_fields', `${admittedPacket.field} ${admittedPacket.rule}.`);
  return admittedPacket;
}

async function created(runtime: Adopters, message: PushMessage, packet: Admitted, request: ClaimRequest): Promise<Adopted> {
  const agent = runtime.agents.find(packet.agent);
  if (agent === undefined) return { kind: 'quarantined', code: 'agent_not_found', reason: `Agent ${packet.agent} not found` };
  const fallbackId = message.messageId === '' ? undefined : keyedId('default', 'message', message.messageId);
  const { notBefore: _, ...now } = packet;
  let claimed: Claim['kind'] | undefined;
  const outcome = await createTask(runtime, {
    tenant: 'default',
    agent,
    packet: now,
    fallbackId,
    by: 'publisher',
    first: (known: Known) => {
      const decision = decideClaim(runtime, known, request);
      if (!('change' in decision)) return undefined;
      claimed = decision.gives(known).kind;
      return decision.change;
    },
  });
  const { known } = outcome;
  const adopted = (claim: Claim): Adopted => ({
    kind: 'adopted',
    claim,
    payload: packet.payload,
    quoteMicros: request.quoteMicros,
  });
  if (outcome.kind === 'created' && claimed === 'claimed') return adopted({ kind: 'claimed', known });
  if (outcome.kind === 'created' && isEnded(known.task.status)) {
    await followUp(runtime, known);
    return adopted({ kind: 'ended', known });
  }
  return adopted(await claim(runtime, known.id, request, known));
}
