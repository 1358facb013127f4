/** `POST /register-agent` and `DELETE /agents/{name}`. */

import { commitAudited } from '../core/audit/audit.ts';
import type { Caller } from '../core/authenticate.ts';
import { centsFromMicros } from '../core/budgets/money.ts';
import { Problem } from '../core/errors.ts';
import { checked } from '../core/http.ts';
import type { Fields, Stored, Write } from '../core/ports.ts';
import { AGENTS, agentId, type Registered } from '../core/registry/registry.ts';
import { agentScope } from '../core/registry/switches.ts';
import type { Runtime } from '../core/runtime.ts';
import type { JsonObject } from '../core/task.ts';
import { makeSubscription, matchSubscription } from './agent-subscriptions.ts';
import { checkOutside } from './outside-address.ts';
import { type Registration, registered, registration } from './registration.ts';
import { switchWrites } from './switchboard.ts';

/**
 * Registers an agent for the caller's tenant, in the place of one of the same name. Gives `{status: "success", agent_name}`.
 * Throws `Problem` 422 `invalid_fields`, `egress_denied`, `subscription_refused`, 409 `agent_reserved`, 503 `messages_unavailable`.
 *
 * Its subscription cannot be made in the transaction that writes the registry. It is there before the registry says so, since
 * what is published to a subscription that is not there is lost; one that is there too long gets nothing. A repeat mends both.
 */
export async function registerAgent(runtime: Runtime, caller: Caller, given: unknown): Promise<JsonObject> {
  const wanted = checked(registration, given);
  const { name } = wanted;
  refuseReserved(runtime, name);
  const isPubsub = wanted.handler_type === 'pubsub';
  if (isPubsub || wanted.handler_type === 'http') await checkOutside(runtime, 'endpoint', wanted.endpoint ?? '');
  const { tenant } = caller;
  const id = agentId(tenant, name);
  if (isPubsub) await makeSubscription(runtime, registered(runtime, caller, wanted, undefined));
  let isKnown = false;
  const answer = await commitAudited(runtime, { tenant, entity: agentScope(name), actor: caller.name }, async () => {
    const before = await runtime.control.get(AGENTS, id);
    isKnown = before !== undefined;
    const agent = registered(runtime, caller, wanted, before?.data as Registered | undefined);
    const data = agent as unknown as Fields;
    const write: Write =
      before === undefined
        ? { kind: 'create', collection: AGENTS, id, data }
        : { kind: 'replace', collection: AGENTS, id, version: before.version, data };
    return {
      writes: [write, ...(await switchWrites(runtime, caller, name, stateOf(wanted.enabled)))],
      event: before === undefined ? 'registered' : 'replaced',
      detail: detailOf(agent, wanted),
      answer: { status: 'success', agent_name: name },
    };
  });
  if (isPubsub || isKnown) await matchSubscription(runtime, tenant, name);
  return answer;
}

/**
 * Removes an agent of the caller's tenant: nothing is dispatched to it any more, what waits for it fails, and what runs is stopped.
 * Throws `Problem` 404 `agent_not_found`, 409 `agent_reserved`.
 */
export async function deleteAgent(runtime: Runtime, caller: Caller, name: string): Promise<JsonObject> {
  const { tenant } = caller;
  refuseReserved(runtime, name);
  try {
    return await commitAudited(runtime, { tenant, entity: agentScope(name), actor: caller.name }, async () => {
      const { id, version } = await ownAgent(runtime, tenant, name);
      return {
        writes: [{ kind: 'delete', collection: AGENTS, id, version }, ...(await switchWrites(runtime, caller, name, 'deleted'))],
        event: 'deleted',
        answer: { status: 'success', agent_name: name },
      };
    });
  } finally {
    // Also where there is none (any more): a crash may have kept a removal from getting here.
    await matchSubscription(runtime, tenant, name);
  }
}

/** A registered agent of a tenant. Throws `Problem` 404, for another tenant's as for none. */
export async function ownAgent({ control }: Pick<Runtime, 'control'>, tenant: string, name: string): Promise<Stored> {
  const stored = await control.get(AGENTS, agentId(tenant, name));
  if (stored === undefined) throw new Problem(404, 'agent_not_found', `Agent ${name.slice(0, 100)} not found.`);
  return stored;
}

function refuseReserved({ agents }: Runtime, name: string): void {
  if (agents.find(name) === undefined) return;
  throw new Problem(409, 'agent_reserved', `${name} is everybody's: built in, or named in the settings. Choose another name.`);
}

const stateOf = (enabled: boolean | undefined) => (enabled === undefined ? 'as it is' : enabled ? 'on' : 'off');

/** Not the result, which may hold anything. */
function detailOf(
  { type, endpoint, claims, email, priceMicros, timeLimitMs, concurrency }: Registered,
  { enabled }: Registration,
): JsonObject {
  return {
    type,
    ...(endpoint === undefined ? {} : { endpoint }),
    ...(claims === undefined ? {} : { claims }),
    ...(email === undefined ? {} : { email }),
    priceCents: centsFromMicros(priceMicros),
    timeLimitSeconds: timeLimitMs / 1000,
    ...(concurrency === undefined ? {} : { concurrency }),
    ...(enabled === undefined ? {} : { enabled }),
  };
}
