/** The push subscriptions that are made at run time, in Pub/Sub or in its emulator. */

import type { PubSub, PushConfig } from '@google-cloud/pubsub';
import { Problem } from '../core/errors.ts';
import type { SubscriptionAdmin } from '../core/ports.ts';
import type { AgentSubscriptionRow } from '../topology.ts';
import { agentSubscriptionName } from './agent-subscription-name.ts';
import { ALREADY_EXISTS, subscriptionOptions } from './pubsub-topology.ts';
import { backoffOf } from './redelivery.ts';
import { closeWithin, within } from './within.ts';

const INVALID_ARGUMENT = 3;
const NOT_FOUND = 5;
const LONGEST_MS = 15_000;

export interface PubsubAdminOptions {
  readonly projectId: string;
  /** Where subscriptions are the emulator's: it would push by itself, without a token, so the bridge does it instead. */
  readonly emulated: boolean;
  readonly backoffMinimumMs?: number;
  readonly backoffMaximumMs?: number;
}

/** Makes, changes and removes them. Names that are no agent's are refused: IAM cannot hold a caller to some names. */
export function pubsubSubscriptionAdmin(options: PubsubAdminOptions): SubscriptionAdmin & { close(): Promise<void> } {
  let opening: Promise<PubSub> | undefined;
  const client = (): Promise<PubSub> => {
    opening ??= import('@google-cloud/pubsub').then(({ PubSub }) => new PubSub({ projectId: options.projectId }));
    return opening;
  };

  return {
    async ensure(given, row) {
      const name = agentSubscriptionName(given);
      const pubsub = await client();
      const pushConfig = options.emulated ? heldConfig(row) : pushConfigOf(row);
      const created = { ...subscriptionOptions(pubsub, row, backoffOf(row, options)), pushConfig };
      await called(async () => {
        try {
          await pubsub.createSubscription(row.topic, name, created);
        } catch (error) {
          if ((error as { code?: number }).code !== ALREADY_EXISTS) throw error;
          await pubsub.subscription(name).modifyPushConfig(pushConfig);
        }
      });
    },

    async remove(given) {
      const name = agentSubscriptionName(given);
      const pubsub = await client();
      await called(async () => {
        try {
          await pubsub.subscription(name).delete();
        } catch (error) {
          if ((error as { code?: number }).code !== NOT_FOUND) throw error;
        }
      });
    },

    async close() {
      const opened = await opening;
      if (opened) await closeWithin(() => opened.close());
    },
  };
}

/** The row that the bridge finds with an emulator's subscription. */
export function heldRow(config: PushConfig | null | undefined): AgentSubscriptionRow | undefined {
  const text = config?.attributes?.row;
  return text === undefined ? undefined : (JSON.parse(text) as AgentSubscriptionRow);
}

const heldConfig = (row: AgentSubscriptionRow): PushConfig => ({ attributes: { row: JSON.stringify(row) } });

const pushConfigOf = ({ endpoint, email, audience }: AgentSubscriptionRow): PushConfig => ({
  pushEndpoint: endpoint,
  oidcToken: { serviceAccountEmail: email, audience },
});

async function called(work: () => Promise<void>): Promise<void> {
  try {
    await within(LONGEST_MS, work());
  } catch (cause) {
    const { code, message } = cause as { code?: number; message: string };
    if (code === INVALID_ARGUMENT)
      throw new Problem(422, 'subscription_refused', `Pub/Sub refuses this subscription: ${message.slice(0, 500)}`, { cause });
    throw new Problem(503, 'messages_unavailable', 'Pub/Sub could not make or remove a subscription; try again.', { cause });
  }
}
