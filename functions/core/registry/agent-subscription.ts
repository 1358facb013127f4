/** The subscription of a registered agent of the type `pubsub`: its own, which only messages of its tenant's tasks reach. */

import { type AgentSubscriptionRow, topology } from '../../topology.ts';
import { accountEmail } from '../addresses.ts';
import type { Settings } from '../settings.ts';
import { agentId, type Registered } from './registry.ts';

/** Its name in Pub/Sub. */
export const subscriptionName = (tenant: string, agent: string): string => `agent-${agentId(tenant, agent)}`;

/**
 * Its row. Agents of two tenants may have the same name, so the filter asks for the id of both. The audience of the tokens is the
 * endpoint's origin, as it is for agents of the type `http`.
 */
export function subscriptionRow(settings: Settings, { tenant, name, endpoint = '' }: Registered): AgentSubscriptionRow {
  return {
    ...topology.agentSubscription,
    topic: settings.topics.tasks,
    filter: `attributes.direct="${agentId(tenant, name)}"`,
    endpoint,
    email: accountEmail(settings, topology.agentPushAccount),
    audience: new URL(endpoint).origin,
  };
}
