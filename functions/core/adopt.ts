/**
 * Adoption: a message published straight to `tasks`, or a `/run` without a task, becomes a task, by the same checks as
 * `/dispatch`. It is created already running, under the id of its idempotency key, else of its message.
 */

import { type Admitted, type Admitters, admit } from './admission.ts';
import { type Claim, type ClaimRequest, claim, decideClaim } from './claim.ts';
import type { Closers } from './close.ts';
import { keyedId } from './create.ts';
import { Problem, TerminalError } from './errors.ts';
import type { Packet } from './packet.ts';
import type { PushMessage } from './push-gate.ts';
import type { Agent } from './registry/agents.ts';
import type { Runtime } from './runtime.ts';
import { isEnded, type JsonObject, type Known } from './task.ts';
import { startTask } from './waiting/start-task.ts';

export type Adopted =
  | ({ readonly kind: 'adopted'; readonly claim: Claim; readonly quoteMicros: number } & Pick<Packet, 'payload' | 'work'>)
  | { readonly kind: 'acknowledge' }
  | { readonly kind: 'quarantined'; readonly code: string; readonly reason: string };

type Adopters = Closers & Admitters & Pick<Runtime, 'ids' | 'objects'>;

/** Adopts what a message holds. `serves` tells which agents run here; `request` makes the claim for a payload of its agent. */
export async function adopt(
  runtime: Adopters,
  message: PushMessage,
  value: unknown,
  serves: (agent: Agent) => boolean,
  request: (payload: JsonObject) => ClaimRequest | Promise<ClaimRequest>,
): Promise<Adopted> {
  try {
    const admitted = await admitMessage(runtime, message, value);
    if (!serves(admitted.agent)) return await passedOn(runtime, message, admitted);
    if ((admitted.packet.notBefore ?? 0) * 1000 > runtime.clock.now()) return await laterOn(runtime, message, admitted);
    return await created(runtime, message, admitted, await request(admitted.packet.payload));
  } catch (error) {
    const permanent = error instanceof TerminalError || (error instanceof Problem && error.status < 500);
    if (!permanent) throw error;
    return { kind: 'quarantined', code: error.code, reason: error.message };
  }
}

/**
 * A task of an agent that does not run here. Its own subscription has the message too, unless the attributes, by which messages
 * are routed, name another agent than the body: then it is created here, and the sweeper, which may publish on `tasks`, does so.
 */
async function passedOn(runtime: Adopters, message: PushMessage, { agent, packet }: Admitted): Promise<Adopted> {
  const { attributes } = message;
  if (isDeliveredTo(agent, attributes)) return { kind: 'acknowledge' };
  const first = () => ({ set: { wakeAt: runtime.clock.now() } });
  await startTask(runtime, { tenant: 'default', agent, packet, fallbackId: idOf(message), by: 'publisher', first });
  return { kind: 'acknowledge' };
}

/** Whether an agent's subscription, or agent-light's, has what is published with these attributes. */
function isDeliveredTo({ name, handling, direct }: Agent, attributes: PushMessage['attributes']): boolean {
  if (handling.type === 'pubsub') return attributes.direct === direct;
  return direct === undefined ? attributes.direct === undefined : attributes.agent === name;
}

/** A task whose time has not come waits in the store, where the sweeper finds it. */
async function laterOn(runtime: Adopters, message: PushMessage, { agent, packet }: Admitted): Promise<Adopted> {
  await startTask(runtime, { tenant: 'default', agent, packet, fallbackId: idOf(message), by: 'publisher' });
  return { kind: 'acknowledge' };
}

/** The id that a message without an idempotency key gives its task; a `/run` request has none. */
const idOf = ({ messageId }: PushMessage): string | undefined =>
  messageId === '' ? undefined : keyedId('default', 'message', messageId);

/**
 * The packet that a message holds: an object with a `payload` key is a full run object, anything else is the payload.
 * Throws `Problem` 422 when it is not admissible.
 */
export function admitMessage(runtime: Admitters, message: PushMessage, value: unknown): Promise<Admitted> {
  const full =
    typeof value === 'object' && value !== null && Object.hasOwn(value, 'payload') ? (value as JsonObject) : { payload: value };
  const { agent, traceId, idempotencyKey } = message.attributes;
  const packet = {
    mode: 'pubsub',
    agent: agent ?? 'light',
    ...(traceId ? { traceId } : {}),
    ...(idempotencyKey ? { idempotencyKey } : {}),
    ...full,
  };
  // A publisher's clock, or an agent's word, may be ahead of ours: a time limit counts from now at the latest.
  const now = runtime.clock.now();
  return admit(runtime, 'default', packet, Math.min(message.publishTime || now, now));
}

async function created(
  runtime: Adopters,
  message: PushMessage,
  { agent, packet }: Admitted,
  request: ClaimRequest,
): Promise<Adopted> {
  let claimed: Claim['kind'] | undefined;
  const outcome = await startTask(runtime, {
    tenant: 'default',
    agent,
    packet,
    fallbackId: idOf(message),
    by: 'publisher',
    first: (known: Known) => {
      // What it waits for is read in the commit that creates it; one that waits for nothing any more is claimed behind it.
      if (packet.dependencies !== undefined) return undefined;
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
    work: packet.work,
    quoteMicros: request.quoteMicros,
  });
  // A create whose reply was lost may be known as ours when others have taken the task up already.
  const isOurs = known.task.status === 'running' && known.task.claimId === request.requestId;
  if (outcome.kind === 'created' && claimed === 'claimed' && isOurs) return adopted({ kind: 'claimed', known });
  if (outcome.kind === 'created' && isEnded(known.task.status)) return adopted({ kind: 'ended', known });
  return adopted(await claim(runtime, known.id, request, known));
}
