/** Topics, push subscriptions, and what Pub/Sub itself must be allowed to do. */

import { PubsubSubscription } from '@cdktf/provider-google/lib/pubsub-subscription/index.js';
import { PubsubSubscriptionIamMember } from '@cdktf/provider-google/lib/pubsub-subscription-iam-member/index.js';
import { PubsubTopic } from '@cdktf/provider-google/lib/pubsub-topic/index.js';
import { PubsubTopicIamMember } from '@cdktf/provider-google/lib/pubsub-topic-iam-member/index.js';
import type { ServiceAccount } from '@cdktf/provider-google/lib/service-account/index.js';
import { ServiceAccountIamMember } from '@cdktf/provider-google/lib/service-account-iam-member/index.js';
import { functionUrl, pushAudience } from '../functions/core/addresses.ts';
import { type Context, type Named, rows } from './context.ts';
import { pubsubAgent } from './subscribers.ts';

/** Makes the topics. */
export function makeTopics({ stack, topology }: Context): Named<PubsubTopic> {
  return Object.fromEntries(Object.keys(topology.topics).map((name) => [name, new PubsubTopic(stack, `topic_${name}`, { name })]));
}

/** Makes the subscriptions, each pushing with the push account's token to its function's own address. */
export function makeSubscriptions(context: Context, topics: Named<PubsubTopic>, push: ServiceAccount): void {
  const { stack, naming, topology } = context;
  const agent = pubsubAgent(naming);
  const mint = new ServiceAccountIamMember(stack, 'pubsub_mints_tokens', {
    serviceAccountId: push.name,
    role: 'roles/iam.serviceAccountTokenCreator',
    member: agent,
  });
  const deadLetterTopics = rows(topology.topics).filter(([, { deadLetterFor }]) => deadLetterFor !== undefined);
  for (const [name] of deadLetterTopics) {
    new PubsubTopicIamMember(stack, `pubsub_publishes_${name}`, {
      topic: topic(topics, name).name,
      role: 'roles/pubsub.publisher',
      member: agent,
    });
  }
  for (const [name, row] of rows(topology.subscriptions)) {
    const { deadLetter } = row;
    const subscription = new PubsubSubscription(stack, `subscription_${name}`, {
      name,
      topic: topic(topics, row.topic).id,
      filter: row.filter,
      ackDeadlineSeconds: row.ackDeadlineSeconds,
      messageRetentionDuration: `${row.retentionSeconds}s`,
      // An empty ttl is never; without the block it would be gone after 31 idle days.
      expirationPolicy: { ttl: '' },
      retryPolicy: { minimumBackoff: `${row.backoffSeconds.minimum}s`, maximumBackoff: `${row.backoffSeconds.maximum}s` },
      deadLetterPolicy: deadLetter && {
        deadLetterTopic: topic(topics, deadLetter.topic).id,
        maxDeliveryAttempts: deadLetter.maxDeliveryAttempts,
      },
      pushConfig: {
        pushEndpoint: functionUrl(naming, row.function) + row.path,
        oidcToken: { serviceAccountEmail: push.email, audience: pushAudience(naming, row.function, row.path) },
      },
      dependsOn: [mint],
    });
    if (deadLetter !== undefined) {
      new PubsubSubscriptionIamMember(stack, `pubsub_forwards_${name}`, {
        subscription: subscription.name,
        role: 'roles/pubsub.subscriber',
        member: agent,
      });
    }
  }
}

function topic(topics: Named<PubsubTopic>, name: string): PubsubTopic {
  const found = topics[name];
  if (found === undefined) throw new TypeError(`A subscription of the topology names the topic ${name}, which does not exist.`);
  return found;
}
