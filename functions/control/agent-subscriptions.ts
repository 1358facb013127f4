/** The subscriptions of agents of the type `pubsub`, made to match what the registry says. */

import { Problem } from '../core/errors.ts';
import { subscriptionName, subscriptionRow } from '../core/registry/agent-subscription.ts';
import { AGENTS, agentId, type Registered } from '../core/registry/registry.ts';
import type { Runtime } from '../core/runtime.ts';

const MAX_TRIES = 20;

type Makers = Pick<Runtime, 'subscriptions' | 'settings' | 'control'>;

/** Makes an agent's subscription, or has it push to the agent's endpoint. Throws `Problem` as `SubscriptionAdmin` says. */
export function makeSubscription({ subscriptions, settings }: Makers, agent: Registered): Promise<void> {
  return subscriptions.ensure(subscriptionName(agent.tenant, agent.name), subscriptionRow(settings, agent));
}

/**
 * Has there be the subscription that the registry now asks for, or none. Where the registry has changed meanwhile it looks again:
 * of several who change an agent at once, the last one to have looked has seen what stands.
 */
export async function matchSubscription(runtime: Makers, tenant: string, name: string): Promise<void> {
  const find = () => runtime.control.get(AGENTS, agentId(tenant, name));
  let stored = await find();
  for (let tries = 0; tries < MAX_TRIES; tries++) {
    const agent = stored?.data as Registered | undefined;
    if (agent?.type === 'pubsub') await makeSubscription(runtime, agent);
    else await runtime.subscriptions.remove(subscriptionName(tenant, name));
    const now = await find();
    if (now?.version === stored?.version) return;
    stored = now;
  }
  throw new Problem(503, 'contention', `Agent ${name} changed too often while its subscription was being made; try again.`, {
    retryAfterSeconds: 1,
  });
}
